// Compares the answers and rows of the functions with those of two runs of the Node server.

import { differing } from "./canonical.js";

const show = (value) => (value === undefined ? "(missing)" : JSON.stringify(value));

const matches = (pattern, text) =>
  pattern === undefined || (pattern instanceof RegExp ? pattern.test(text) : pattern === text);

/**
 * Collects the differences of a run, and keeps apart noise, listed differences, and the others.
 *
 * An entry of the list names requests (`request`) and the place of a value in the record (`path`), and may name both values
 * as JSON (`node`, `functions`). An entry with `status`, the statuses of both servers, and `body`, the functions' body,
 * covers the whole answer.
 */
export class Comparison {
  requests = 0;
  rows = 0;
  noise = 0;
  unlisted = [];
  #listed;
  #used = new Map();

  constructor(listed) {
    this.#listed = listed;
  }

  /** Adds a request: its name, and the records of the first Node run, the second one, and the functions. */
  add(request, first, second, ours) {
    this.requests += 1;
    this.rows += Object.values(ours.rows).reduce((sum, rows) => sum + Object.keys(rows).length, 0);
    const kinds = new Set([first, second, ours].flatMap(({ rows }) => Object.keys(rows)));
    for (const { rows } of [first, second, ours]) {
      kinds.forEach((kind) => (rows[kind] ??= {}));
    }
    const noisy = differing(first, second).map(([path]) => path);
    this.noise += noisy.length;
    const isNoise = (path) =>
      noisy.some((known) => `${path}.`.startsWith(`${known}.`) || `${known}.`.startsWith(`${path}.`));
    const whole = this.#listed.find(
      (entry) => entry.status && matches(entry.request, request) && isAnswer(entry, first, ours),
    );
    for (const [path, node, functions] of differing(first, ours)) {
      if (isNoise(path)) {
        continue;
      }
      const difference = { request, path, node: show(node), functions: show(functions) };
      const entry = this.#listed.find((entry) => covers(entry, difference)) ?? whole;
      if (entry) {
        this.#used.set(entry, (this.#used.get(entry) ?? 0) + 1);
      } else {
        this.unlisted.push(difference);
      }
    }
  }

  /** Entries of the list that no difference needed. */
  get unused() {
    return this.#listed.filter((entry) => !this.#used.has(entry)).map(name);
  }

  /** One line for each entry of the list: how often it was needed, where, and why. */
  get report() {
    return this.#listed.map((entry) => `${this.#used.get(entry) ?? 0} × ${name(entry)}: ${entry.reason}`);
  }
}

function covers(entry, { request, path, node, functions }) {
  return (
    !entry.status &&
    matches(entry.request, request) &&
    matches(entry.path, path) &&
    matches(entry.node, node) &&
    matches(entry.functions, functions)
  );
}

function isAnswer({ status: [node, functions], body }, first, ours) {
  return (
    (node ?? first.status) === first.status &&
    (functions ?? ours.status) === ours.status &&
    matches(body, show(ours.body))
  );
}

function name({ request, path, status }) {
  const what = status ? status.map((one) => one ?? "any").join(" → ") : String(path);
  return request ? `${what} of ${request}` : what;
}

export const describe = ({ request, path, node, functions }) =>
  `${request}\n    ${path}\n      Node:      ${node}\n      functions: ${functions}`;
