// Clones of the template, their rows, and a way back to the rows that they began with.

import pg from "pg";

import { templateUrl } from "./settings.js";

/** Tables that both servers use. */
export const tables = [
  "user",
  "session",
  "account",
  "verification",
  "projects",
  "comments",
  "likes",
  "follows",
  "apikey",
];

/** Returns the address of another database on the template's server. */
function addressOf(name) {
  const address = new URL(templateUrl);
  address.pathname = `/${name}`;
  return address.href;
}

async function administer(statement) {
  const client = new pg.Client({ connectionString: addressOf("postgres") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A clone of a database, and a connection to it. */
export class Database {
  #pool;
  /** The ends of the pool's connections. */
  #ends = [];

  /** Clones the database of that name. Nothing may be connected to it. */
  static async clone(name, template = new URL(templateUrl).pathname.slice(1)) {
    const database = new Database();
    database.name = `${new URL(templateUrl).pathname.slice(1)}_${name}`;
    database.url = addressOf(database.name);
    await administer(`create database "${database.name}" template "${template}"`);
    return database;
  }

  /** Ends the connection, so that the database can be cloned. The next query connects again. */
  async disconnect() {
    // The pool does not wait until the server has ended its connections.
    await this.#pool?.end();
    await Promise.all(this.#ends);
    this.#pool = undefined;
    this.#ends = [];
  }

  async drop() {
    await this.disconnect();
    await administer(`drop database "${this.name}" with (force)`);
  }

  #connect() {
    const pool = new pg.Pool({ connectionString: this.url, max: 1, options: "-c timezone=UTC" });
    pool.on("connect", (client) => {
      this.#ends.push(new Promise((resolve) => client.once("end", resolve)));
    });
    return pool;
  }

  async query(statement, values) {
    this.#pool ??= this.#connect();
    return (await this.#pool.query(statement, values)).rows;
  }

  /** Whether a transaction of the server may have written since the last call. */
  async mayHaveChanged() {
    const [{ next }] = await this.query("select pg_snapshot_xmax(pg_current_snapshot())::text next");
    const changed = next !== this.next;
    this.next = next;
    return changed;
  }

  /** Returns all rows: for each table an object of rows by id. */
  async rows() {
    const parts = tables.map((table) => `'${table}', (select jsonb_object_agg(t.id, to_jsonb(t)) from "${table}" t)`);
    const [{ all }] = await this.query(`select jsonb_build_object(${parts.join(", ")}) "all"`);
    return all;
  }

  /** Copies all rows, for `reset`. */
  async save() {
    this.columns = {};
    await this.query("create schema saved");
    for (const table of tables) {
      const columns = await this.query(
        `select column_name from information_schema.columns
         where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'`,
        [table],
      );
      this.columns[table] = columns.map((row) => `"${row.column_name}"`).join(", ");
      await this.query(`create table saved."${table}" as select ${this.columns[table]} from public."${table}"`);
    }
  }

  /** Puts the saved rows of these tables back. */
  async reset(changed) {
    if (changed.length === 0) {
      return;
    }
    // Without triggers. The rows that they would change are put back, too.
    const statements = changed.map(
      (table) => `delete from public."${table}";
        insert into public."${table}" (${this.columns[table]}) select ${this.columns[table]} from saved."${table}";`,
    );
    await this.query(`begin; set local session_replication_role = replica; ${statements.join("\n")} commit`);
  }
}

/** Returns the rows that differ between two results of `rows`, as `{ table, id, before, after }`. */
export function changes(before, after) {
  const found = [];
  for (const table of tables) {
    const [old, now] = [before[table] ?? {}, after[table] ?? {}];
    for (const id of new Set([...Object.keys(old), ...Object.keys(now)])) {
      if (JSON.stringify(old[id]) !== JSON.stringify(now[id])) {
        found.push({ table, id, before: old[id], after: now[id] });
      }
    }
  }
  return found;
}
