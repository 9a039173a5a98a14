// The databases and servers of one file of tests.

import { Database } from "./database.js";
import { writePeople } from "./people.js";

export class Stage {
  #databases = [];
  #servers = [];

  /** Clones the template, or another database that nothing is connected to. */
  async clone(name, template) {
    const database = await Database.clone(`${name}_${process.pid}`, template);
    this.#databases.push(database);
    return database;
  }

  /** Clones the template, and writes the rows of the callers. */
  async people(name) {
    const database = await this.clone(name);
    await writePeople(database);
    return database;
  }

  /** Waits for servers that are starting. */
  async start(...starting) {
    for (const { status, value, reason } of await Promise.allSettled(starting)) {
      if (status === "rejected") {
        throw reason;
      }
      this.#servers.push(value);
    }
    return this.#servers.slice(-starting.length);
  }

  /** Stops the servers and drops the databases. */
  async end() {
    await Promise.all(this.#servers.map((server) => server.stop()));
    for (const database of this.#databases) {
      await database.drop();
    }
  }
}
