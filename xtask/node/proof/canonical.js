// Rewrites an answer and the rows that it changed, so that two runs of one server give equal results. A random value becomes
// its length and the place of its first appearance. A time becomes its distance from the request in minutes. A signed cookie
// becomes the value that it signs.

import { createHash } from "node:crypto";

import { signed } from "./browser.js";

// Headers of the connection, not of the answer.
const transport = new Set(["connection", "content-length", "date", "keep-alive", "transfer-encoding"]);

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const word = /[A-Za-z0-9_-]{20,}/g;
const time = /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,3})?Z?/g;
// A number that is a time of this century, in milliseconds or in seconds.
const instants = [
  [13, 1],
  [10, 1000],
];

const isRandom = (text) =>
  uuid.test(text) || (/[a-z]/.test(text) && /[A-Z]/.test(text) && !/^[a-z]+([A-Z][a-z]+)+$/.test(text));

const hash = (text) => createHash("sha256").update(text).digest("base64url");

/** Gives random values names that are the same in every run of the same requests. */
export class Canonical {
  #fixed;
  #names = new Map();
  #hashes = new Map();
  #now = 0;

  /** `rows` are the rows at the start. Words that they contain are the same in every run, so they stay as they are. */
  constructor(rows) {
    this.#fixed = new Set(JSON.stringify(rows).match(word));
  }

  /** Forgets the names of random values. */
  forget() {
    this.#names.clear();
    this.#hashes.clear();
  }

  /**
   * Returns the answer and the changed rows in comparable form. `now` is when the request was sent. `step` makes the names
   * of random values unique among the requests since the last call of `forget`.
   */
  record(answer, changed, now, step = "") {
    this.#now = now;
    const body = parse(answer.text);
    this.#noteHashes(JSON.stringify([body, changed]));
    const rows = this.#rows(changed, `${step}rows`);
    const cookies = answer.cookies.map((cookie) => this.#cookie(cookie, step));
    const headers = {};
    for (const name of Object.keys(answer.headers)
      .filter((name) => !transport.has(name))
      .sort()) {
      headers[name] = this.#text(answer.headers[name].join(", "), `${step}headers.${name}`);
    }
    return { status: answer.status, headers, cookies, body: this.#value(body, `${step}body`), rows };
  }

  /** Records the hash of each value first, because a hash may appear before its value. */
  #noteHashes(text) {
    for (const found of text.match(word) ?? []) {
      if (!this.#fixed.has(found)) {
        this.#hashes.set(hash(found), found);
      }
    }
  }

  #cookie(cookie, step) {
    const [pair, ...attributes] = cookie.split("; ");
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const plain = decodeURIComponent(value);
    const content = plain.slice(0, Math.max(plain.lastIndexOf("."), 0));
    const path = `${step}cookie ${name}`;
    const shown =
      content && signed(content) === value ? `signed(${this.#text(content, path)})` : this.#text(value, path);
    return { name, value: shown, attributes: attributes.join("; ") };
  }

  #rows(changed, path) {
    const shown = changed.map(({ table, before, after }) => {
      const act = before ? (after ? "update" : "delete") : "insert";
      const row = act === "update" ? difference(before, after) : (after ?? before);
      return { kind: `${act} ${table}`, of: before?.id, row: parseColumns(row) };
    });
    // A table has no order. The columns that are not random decide.
    const order = ({ kind, of, row }) => JSON.stringify([kind, this.#mask(of), this.#mask(row)]);
    shown.sort((one, other) => (order(one) < order(other) ? -1 : 1));
    const rows = {};
    for (const { kind, of, row } of shown) {
      const known = (rows[kind] ??= {});
      const key = of ? this.#text(of, `${path}.${kind}`) : `new ${Object.keys(known).length + 1}`;
      known[key] = this.#value(row, `${path}.${kind}.${key}`);
    }
    return rows;
  }

  #value(value, path) {
    if (typeof value === "string") {
      return this.#text(value, path);
    }
    if (typeof value === "number") {
      const [, unit] = instants.find(([digits]) => String(value).length === digits) ?? [];
      return unit ? this.#distance(value * unit) : value;
    }
    if (Array.isArray(value)) {
      return value.map((item, index) => this.#value(item, `${path}.${index}`));
    }
    if (value !== null && typeof value === "object") {
      const entries = Object.keys(value)
        .sort()
        .map((key) => [key, this.#member(key, value[key], `${path}.${key}`)]);
      return Object.fromEntries(entries);
    }
    return value;
  }

  #member(key, value, path) {
    // The rest of a rate limit's window differs by the milliseconds between two requests.
    if (key === "tryAgainIn" && Number.isInteger(value) && value > 0 && value <= 60_000) {
      return "within a minute";
    }
    return this.#value(value, path);
  }

  #text(text, path) {
    const shown = text.replaceAll(time, (found) => {
      const isColumn = !found.endsWith("Z");
      return `${this.#distance(Date.parse(isColumn ? `${found}Z` : found))}${isColumn ? " (column)" : ""}`;
    });
    return shown.replaceAll(word, (found) => (this.#isRandom(found) ? this.#name(found, path) : found));
  }

  #name(text, path) {
    if (!this.#names.has(text)) {
      const source = this.#hashes.get(text);
      const kind = uuid.test(text) ? "uuid" : `${text.length} characters`;
      this.#names.set(text, source ? `<hash of ${this.#name(source, path)}>` : `<${kind} of ${path}>`);
    }
    return this.#names.get(text);
  }

  #isRandom(text) {
    return isRandom(text) && !this.#fixed.has(text);
  }

  #mask(value) {
    const text = JSON.stringify(value) ?? "";
    return text.replaceAll(time, "T").replaceAll(word, (found) => (this.#isRandom(found) ? "?" : found));
  }

  #distance(milliseconds) {
    return `T${Math.round((milliseconds - this.#now) / 60_000)}min`;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The columns of an update that changed. */
function difference(before, after) {
  const names = Object.keys(after).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return Object.fromEntries(names.map((name) => [name, after[name]]));
}

/** Columns that hold JSON as text are compared as JSON. */
function parseColumns(row) {
  const parsed = Object.entries(row).map(([name, value]) => {
    const isJson = typeof value === "string" && /^[{[]/.test(value);
    return [name, isJson ? { json: parse(value) } : value];
  });
  return Object.fromEntries(parsed);
}

/** Returns the leaves in which two values differ: `[path, one, other]`. */
export function differing(one, other, path = "") {
  if (one === other) {
    return [];
  }
  const isBranch = (value) => value !== null && typeof value === "object";
  if (!isBranch(one) || !isBranch(other) || Array.isArray(one) !== Array.isArray(other)) {
    return [[path, one, other]];
  }
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differing(one[key], other[key], path ? `${path}.${key}` : key));
}
