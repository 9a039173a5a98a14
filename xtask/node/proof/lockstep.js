// Sends the same requests to several servers, each with a clone of one database, and records answers and changed rows.

import { Browser, consent } from "./browser.js";
import { Canonical } from "./canonical.js";
import { callers } from "./callers.js";
import { changes, tables } from "./database.js";

const byText = (one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);

/** A server with its database. */
export class Target {
  constructor(server, database) {
    this.server = server;
    this.database = database;
  }

  async begin() {
    await this.database.save();
    this.start = await this.database.rows();
    this.rows = this.start;
    this.canonical = new Canonical(this.start);
  }

  /** Sends one request, and returns its record in a list of one. Times are measured from `now`, the same for all servers. */
  async request({ name, method, path, body, headers, caller, unordered }, now) {
    const who = callers[caller];
    const send = () =>
      who.browser().fetch(this.server, method, path, { body, headers: { ...who.headers, ...headers } });
    const { record } = await this.#observe(send, "", now);
    if (unordered) {
      unordered(record.body)?.sort(byText);
    }
    await this.#reset();
    return [[name, record]];
  }

  /** Runs a script of several requests, and returns their records. */
  async flow({ name, script }) {
    const records = [];
    const send = async (step, browser, method, path, options) => {
      const { record, answer } = await this.#observe(
        () => browser.fetch(this.server, method, path, options),
        `${step} `,
      );
      records.push([`${name}: ${step}`, record]);
      return answer;
    };
    const get = (step, browser, path, options) => send(step, browser, "GET", `/api/auth/${path}`, options);
    const post = (step, browser, path, body, options) =>
      send(step, browser, "POST", `/api/auth/${path}`, { body, ...options });
    const callback = (step, browser, path) =>
      send(`${step} (callback)`, browser, "GET", path, { headers: { origin: null } });
    const signIn = async (
      step,
      browser,
      person,
      { path = "sign-in/social", provider = "github", decision, ...options } = {},
    ) => {
      const body = {
        provider,
        callbackURL: "/home",
        errorCallbackURL: "/oops",
        newUserCallbackURL: "/welcome",
        ...options,
      };
      const started = await post(`${step} (start)`, browser, path, body);
      return callback(step, browser, await consent(JSON.parse(started.text).url, person, decision));
    };
    await script({
      send,
      get,
      post,
      callback,
      signIn,
      open: (token) => new Browser(token),
      query: (sql) => this.database.query(sql),
    });
    await this.#reset();
    return records;
  }

  /** Sends a request, and compares the rows with those before it. */
  async #observe(send, step, now = Date.now()) {
    const answer = await send();
    const rows = (await this.database.mayHaveChanged()) ? await this.database.rows() : this.rows;
    const changed = rows === this.rows ? [] : changes(this.rows, rows);
    this.rows = rows;
    return { answer, record: this.canonical.record(answer, changed, now, step) };
  }

  /** Puts back all rows that differ from those at the start. */
  async #reset() {
    if (this.rows !== this.start) {
      await this.database.reset(
        tables.filter((table) => JSON.stringify(this.rows[table]) !== JSON.stringify(this.start[table])),
      );
      this.rows = this.start;
      await this.database.mayHaveChanged();
    }
    this.canonical.forget();
  }
}
