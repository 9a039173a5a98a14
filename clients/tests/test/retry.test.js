// When the client repeats a request.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createApi, createProject, createUpload, listProjects } from "@codecave/api";

/** A client whose requests get these responses, one after the other. An error is a lost connection. */
function answering(responses, retry) {
  const sent = [];
  const client = createApi({
    baseUrl: "http://localhost",
    retry,
    fetch: async (request) => {
      sent.push(request);
      const next = responses[sent.length - 1];
      if (next instanceof Error) {
        throw next;
      }
      const [status, headers] = next;
      return new Response("[]", { status, headers: { "content-type": "application/json", ...headers } });
    },
  });
  return { client, sent };
}

const limited = [429, { "retry-after": "0" }];
const busy = [503, { "retry-after": "0" }];
const done = [200];
const lost = new TypeError("fetch failed");
const body = { title: "One" };
const file = { purpose: "avatar", filename: "a.png", contentType: "image/png", size: 1 };

test("a request is repeated until the API can serve it", async () => {
  const { client, sent } = answering([limited, busy, done]);
  const { data } = await listProjects({ client });
  assert.deepEqual(data, []);
  assert.equal(sent.length, 3);
});

test("after three attempts it fails", async () => {
  const { client, sent } = answering([limited, limited, limited]);
  const { error } = await listProjects({ client });
  assert.deepEqual([error.status, error.retryAfter, sent.length], [429, 0, 3]);
});

test("a request that would wait long fails at once", async () => {
  const { client, sent } = answering([[429, { "retry-after": "11" }]]);
  const { error } = await listProjects({ client });
  assert.deepEqual([error.status, error.retryAfter, sent.length], [429, 11, 1]);
});

test("a create is repeated with the same key and body, also without a response", async () => {
  const { client, sent } = answering([busy, lost, [201]]);
  await createProject({ client, body, throwOnError: true });
  const keys = new Set(sent.map(({ headers }) => headers.get("idempotency-key")));
  assert.equal(keys.size, 1);
  assert.ok([...keys][0]);
  assert.deepEqual(await sent[2].json(), body);
});

test("a create without a key is repeated only where it was not begun", async () => {
  const one = answering([busy]);
  assert.equal((await createUpload({ client: one.client, body: file })).error.status, 503);
  const other = answering([limited, [201]]);
  assert.equal((await createUpload({ client: other.client, body: file })).response.status, 201);
  const none = answering([lost]);
  assert.equal((await createUpload({ client: none.client, body: file })).error.status, 0);
});

test("an aborted request does not wait", async () => {
  const { client, sent } = answering([[429, { "retry-after": "10" }]]);
  const stop = new AbortController();
  const call = listProjects({ client, signal: stop.signal });
  setTimeout(() => stop.abort(), 20);
  const { error } = await call;
  assert.equal(error.name, "AbortError");
  assert.equal(sent.length, 1);
});
