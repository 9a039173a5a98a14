// A person whose requests go to two servers in turn. The model knows the answer that either server must give.

import assert from "node:assert/strict";

import { Browser } from "./browser.js";
import { random } from "./random.js";

const json = (answer) => JSON.parse(answer.text);

/** A person with a browser. The model knows whether the session is alive and which accounts are linked. */
export class Visitor {
  requests = 0;
  refused = 0;
  #browser = new Browser();
  #isSignedIn = false;
  #linked = new Set();
  #keys = [];

  /** `servers` are the two servers, `admin` the browser of an admin. */
  constructor(index, servers, database, admin) {
    this.person = { name: `Visitor ${index}`, email: `visitor-${index}@example.com` };
    this.servers = servers;
    this.database = database;
    this.admin = admin;
    this.next = random(index + 1);
  }

  /** Sends about `count` requests. */
  async visit(count) {
    await this.#signIn();
    while (this.requests < count) {
      await this.#step();
    }
  }

  async #step() {
    const steps = [
      [30, () => this.#read()],
      [8, () => this.#rename()],
      [6, () => this.#refresh()],
      [4, () => this.#linkOther()],
      [3, () => this.#unlink()],
      [4, () => this.#signOutAndIn()],
      [2, () => this.#ban()],
      [3, () => this.#endOthers()],
      [3, () => this.#makeKey()],
      [6, () => this.#useKey()],
      [4, () => this.#write()],
    ];
    let choice = this.next() * steps.reduce((sum, [weight]) => sum + weight, 0);
    const [, act] = steps.find(([weight]) => (choice -= weight) < 0) ?? steps[0];
    await act();
  }

  /** One of the two servers. */
  #any() {
    return this.servers[this.next() < 0.5 ? 0 : 1];
  }

  /** Sends a request to either server. After a 401, checks that a 401 is expected, and that the other server answers alike. */
  async #send(method, path, options, { browser = this.#browser, mayBe401 = !this.#isSignedIn } = {}) {
    const server = this.#any();
    const before = browser.copy();
    const answer = await browser.fetch(server, method, path, options);
    this.requests += 1;
    if (answer.status === 401) {
      this.refused += 1;
      const other = this.servers.find((candidate) => candidate !== server);
      const second = await before.fetch(other, method, path, options);
      assert.equal(second.status, 401, `${server.name} refuses ${method} ${path}, and ${other.name} does not`);
    }
    assert.equal(
      answer.status === 401,
      mayBe401,
      `${server.name} answers ${method} ${path} with ${answer.status} ${answer.text}`,
    );
    assert.ok(answer.status < 500, `${server.name} fails at ${method} ${path}: ${answer.text}`);
    return answer;
  }

  #post(path, body) {
    return this.#send("POST", `/api/auth/${path}`, { body });
  }

  async #signIn(expected = /^\/home/) {
    // The flow may start at one server and end at the other.
    const answer = await this.#browser.signIn(this.#any(), {
      provider: this.#provider(),
      person: this.person,
      finish: this.#any(),
    });
    this.requests += 2;
    assert.match(answer.headers.location?.[0] ?? answer.text, expected);
    this.#isSignedIn = expected.test("/home");
    if (this.#linked.size === 0) {
      this.#linked.add("github");
    }
    return answer;
  }

  #provider() {
    const providers = [...this.#linked];
    return providers.length > 0 ? providers[Math.floor(this.next() * providers.length)] : "github";
  }

  async #read() {
    const session = json(await this.#send("GET", "/api/auth/get-session", undefined, { mayBe401: false }));
    assert.equal(session?.user.email, this.person.email);
    const { user } = json(await this.#send("GET", "/users/profile"));
    assert.equal(user.id, session.user.id);
    this.id = user.id;
    const accounts = json(await this.#send("GET", "/api/auth/list-accounts"));
    assert.deepEqual(new Set(accounts.map((account) => account.providerId)), this.#linked);
    this.accounts = accounts;
  }

  async #rename() {
    const name = `Visitor ${Math.floor(this.next() * 1_000)}`;
    await this.#post("update-user", { name });
    const session = json(await this.#send("GET", "/api/auth/get-session"));
    assert.equal(session.user.name, name);
  }

  /** Makes the session old enough to be extended. The next request to either server extends it. */
  async #refresh() {
    const token = decodeURIComponent(this.#browser.cookie("session_token")).split(".")[0];
    const due = `update session set "expiresAt" = now() at time zone 'utc' + interval '2 days' where token = $1`;
    await this.database.query(due, [token]);
    const answer = await this.#send("GET", "/api/auth/get-session");
    assert.equal(answer.cookies.length, 1, "a refresh sets the cookie");
    const [{ days }] = await this.database.query(
      `select round(extract(epoch from "expiresAt" - now() at time zone 'utc') / 86400) days from session where token = $1`,
      [token],
    );
    assert.equal(Number(days), 7);
  }

  async #linkOther() {
    if (this.#linked.has("google")) {
      return;
    }
    // The state of a link is private to the server that made it.
    const server = this.#any();
    const answer = await this.#browser.signIn(server, { provider: "google", person: this.person, link: true });
    this.requests += 2;
    assert.equal(answer.headers.location?.[0], "/home", answer.text);
    this.#linked.add("google");
  }

  async #unlink() {
    if (this.#linked.size < 2) {
      return;
    }
    await this.#read();
    const { id, providerId } = this.accounts[Math.floor(this.next() * 2)];
    const answer = await this.#post("unlink-account", { accountId: id });
    assert.equal(answer.status, 200, answer.text);
    this.#linked.delete(providerId);
  }

  async #signOutAndIn() {
    const old = this.#browser.copy();
    await this.#post("sign-out", {});
    this.#isSignedIn = false;
    assert.equal(
      json(await this.#send("GET", "/api/auth/get-session", undefined, { browser: old, mayBe401: false })),
      null,
    );
    await this.#send("GET", "/users/profile", undefined, { browser: old, mayBe401: true });
    await this.#signIn();
  }

  async #ban() {
    await this.#read();
    const banned = await this.admin
      .copy()
      .fetch(this.#any(), "POST", "/api/auth/admin/ban-user", { body: { userId: this.id } });
    assert.equal(banned.status, 200, banned.text);
    this.#isSignedIn = false;
    await this.#send("GET", "/users/profile");
    await this.#signIn(/error=BANNED_USER/);
    const lifted = await this.admin
      .copy()
      .fetch(this.#any(), "POST", "/api/auth/admin/unban-user", { body: { userId: this.id } });
    assert.equal(lifted.status, 200, lifted.text);
    this.requests += 2;
    await this.#signIn();
  }

  async #endOthers() {
    const other = this.#browser;
    this.#browser = new Browser();
    await this.#signIn();
    await this.#post("revoke-other-sessions", {});
    await this.#send("GET", "/users/profile", undefined, { browser: other, mayBe401: true });
  }

  async #makeKey() {
    if (this.#keys.length > 10) {
      return;
    }
    const made = json(await this.#post("api-key/create", { name: `key ${this.#keys.length}` }));
    this.#keys.push(made.key);
  }

  async #useKey() {
    const key = this.#keys[Math.floor(this.next() * this.#keys.length)];
    if (!key) {
      return;
    }
    const options = { headers: { "x-api-key": key } };
    const { user } = json(
      await this.#send("GET", "/users/profile", options, { browser: new Browser(), mayBe401: false }),
    );
    assert.equal(user.email, this.person.email);
  }

  async #write() {
    const bio = `Number ${Math.floor(this.next() * 1_000)}`;
    await this.#send("PUT", "/users/profile", { body: { bio } });
    const made = json(await this.#send("POST", "/projects", { body: { title: bio } }));
    const read = json(await this.#send("GET", `/projects/${made.id}`));
    assert.equal(read.title, bio);
    await this.#send("PUT", `/projects/${made.id}/like`);
    const commented = await this.#send("POST", `/projects/${made.id}/comments`, { body: { content: bio } });
    assert.equal(commented.status, 201, commented.text);
  }
}
