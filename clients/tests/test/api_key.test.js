// `apiKeyClient()` against the running API: keys from creation to deletion.

import assert from "node:assert/strict";
import { test } from "node:test";

import { apiKeyClient } from "@better-auth/api-key/client";
import { createAuthClient } from "better-auth/client";
import pg from "pg";

import { Browser, agree, api, newcomer, site } from "../browser.js";

const signIn = async () => {
  const browser = new Browser();
  const client = createAuthClient({
    baseURL: api,
    plugins: [apiKeyClient()],
    fetchOptions: { customFetchImpl: browser.fetch },
  });
  const { data } = await client.signIn.social({ provider: "github", callbackURL: `${site}/home` });
  assert.equal(await browser.visit(agree(data.url, newcomer())), `${site}/home`);
  return client;
};

/** Returns the data of a call that must succeed. */
const good = async (call) => {
  const { data, error } = await call;
  assert.equal(error, null);
  return data;
};

/** Sends a request with this key and returns the response. */
const use = (key, path = "/users/profile", init = {}) =>
  fetch(`${api}${path}`, { ...init, headers: { "x-api-key": key, ...init.headers } });

test("a key is made, used, changed and deleted", async () => {
  const client = await signIn();
  const { user } = (await client.getSession()).data;

  const made = await good(client.apiKey.create({ name: "CI", expiresIn: 86_400, metadata: { for: "tests" } }));
  assert.match(made.key, /^cc_[a-zA-Z]{64}$/);
  assert.equal(made.start, made.key.slice(0, 6));
  assert.ok(made.expiresAt instanceof Date);
  assert.equal((await (await use(made.key)).json()).user.id, user.id);
  const session = await (await use(made.key, "/api/auth/get-session")).json();
  assert.equal(session.user.id, user.id);
  assert.equal(session.session.id, made.id);
  const shown = await good(client.apiKey.get({ query: { id: made.id } }));
  assert.equal(shown.requestCount, 2);
  assert.deepEqual(shown.metadata, { for: "tests" });
  assert.equal(shown.key, undefined);
  const listed = await good(client.apiKey.list({ query: { limit: 10 } }));
  assert.deepEqual([listed.total, listed.limit, listed.apiKeys[0].id], [1, 10, made.id]);

  const changed = await good(client.apiKey.update({ keyId: made.id, name: "Off", enabled: false, expiresIn: null }));
  assert.deepEqual([changed.name, changed.enabled, changed.expiresAt], ["Off", false, null]);
  const disabled = await use(made.key);
  assert.equal(disabled.status, 401);
  assert.equal((await (await use(made.key, "/api/auth/get-session")).json()).code, "KEY_DISABLED");
  await good(client.apiKey.update({ keyId: made.id, enabled: true }));
  assert.equal((await use(made.key)).status, 200);

  assert.equal((await good(client.apiKey.delete({ keyId: made.id }))).success, true);
  assert.equal((await use(made.key)).status, 401);
  const gone = await client.apiKey.delete({ keyId: made.id });
  assert.deepEqual([gone.error.status, gone.error.code], [404, "KEY_NOT_FOUND"]);
});

test("a key's limit ends its use", async () => {
  const client = await signIn();
  const { key, rateLimitMax } = await good(client.apiKey.create({}));

  for (let index = 0; index < rateLimitMax; index += 1) {
    assert.equal((await use(key)).status, 200);
  }
  const answer = await use(key, "/api/auth/get-session");
  assert.equal(answer.status, 429);
  const { code, details } = await answer.json();
  assert.equal(code, "RATE_LIMITED");
  assert.ok(details.tryAgainIn > 0);
  assert.equal((await use(key)).status, 429);
});

test("a key's limit holds in all functions together", async () => {
  const client = await signIn();
  const { key, rateLimitMax } = await good(client.apiKey.create({}));

  const paths = ["/users/profile", "/notifications/count"];
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => use(key, paths[index % 2])));

  const statuses = answers.map((answer) => answer.status);
  assert.equal(statuses.filter((status) => status === 200).length, rateLimitMax);
  assert.equal(statuses.filter((status) => status === 429).length, 50 - rateLimitMax);
});

/** Makes a key expire in the database, because a client cannot request less than a day. */
const expire = async (id) => {
  const database = new pg.Client(process.env.DATABASE_URL);
  await database.connect();
  const past = `update apikey set "expiresAt" = now() at time zone 'utc' - interval '1 second' where id = $1`;
  assert.equal((await database.query(past, [id])).rowCount, 1);
  await database.end();
};

test("a key expires and is gone", async () => {
  const client = await signIn();
  const { id, key } = await good(client.apiKey.create({ expiresIn: 86_400 }));
  assert.equal((await use(key)).status, 200);

  await expire(id);

  const answer = await use(key, "/api/auth/get-session");
  assert.deepEqual([answer.status, (await answer.json()).code], [401, "KEY_EXPIRED"]);
  assert.equal((await use(key)).status, 401);
  assert.equal((await good(client.apiKey.list())).total, 0);
  const gone = await client.apiKey.get({ query: { id } });
  assert.deepEqual([gone.error.status, gone.error.code], [404, "KEY_NOT_FOUND"]);
});

test("a narrowed key reads only, and no key manages keys", async () => {
  const client = await signIn();
  const made = await good(client.apiKey.create({ metadata: { scopes: ["read"] } }));
  assert.deepEqual(made.permissions, { api: ["read"] });

  const change = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"bio":"x"}' };
  assert.equal((await use(made.key)).status, 200);
  assert.equal((await use(made.key, "/users/profile", change)).status, 403);
  const whole = await good(client.apiKey.create({}));
  assert.equal((await use(whole.key, "/users/profile", change)).status, 200);
  const creation = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
  assert.equal((await use(whole.key, "/api/auth/api-key/create", creation)).status, 403);
});

test("properties that only a server may set are rejected", async () => {
  const client = await signIn();

  for (const property of [{ remaining: 5 }, { rateLimitMax: 1 }, { permissions: { api: ["read"] } }]) {
    const { error } = await client.apiKey.create(property);
    assert.deepEqual([error.status, error.code], [400, "SERVER_ONLY_PROPERTY"]);
  }
  const tooShort = await client.apiKey.create({ expiresIn: 60 });
  assert.equal(tooShort.error.code, "EXPIRES_IN_IS_TOO_SMALL");
});
