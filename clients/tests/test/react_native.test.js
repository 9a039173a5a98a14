// The client with the `fetch` of React Native, which is this polyfill over `XMLHttpRequest`, and without what React Native lacks.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { createAuth } from "@codecave/api/auth";
import { JSDOM } from "jsdom";

import { Browser, agree, api, newcomer, site } from "../browser.js";

/** Publishes three projects, with Node's `fetch`. Returns the id of their author. */
async function publish() {
  const browser = new Browser();
  const auth = createAuth({ baseUrl: api, fetch: browser.fetch });
  const { data } = await auth.signIn.social({ provider: "github", callbackURL: `${site}/home` });
  await browser.visit(agree(data.url, newcomer()));
  for (const title of ["One", "Two", "Three"]) {
    const headers = { "content-type": "application/json" };
    const answer = await browser.fetch(`${api}/projects`, { method: "POST", headers, body: JSON.stringify({ title }) });
    assert.equal(answer.status, 201);
  }
  return (await auth.getSession()).data.user.id;
}
const author = await publish();

const dom = new JSDOM("", { url: `${site}/` });
for (const name of ["crypto", "fetch", "Headers", "Request", "Response"]) {
  delete globalThis[name];
}
class URLSearchParams {
  get() {
    throw new Error("URLSearchParams.get is not implemented");
  }
}
Object.assign(globalThis, { self: globalThis, URLSearchParams, XMLHttpRequest: dom.window.XMLHttpRequest });
Object.assign(globalThis, await import("whatwg-fetch"));
const { createApi, createProject, getProject, items, listProjects } = await import("@codecave/api");

after(() => dom.window.close());

test("lists have pages, and errors have their status", async () => {
  const client = createApi({ baseUrl: api });
  const titles = [];
  for await (const { title } of items((page) => listProjects({ client, query: { author, limit: 1, ...page } }))) {
    titles.push(title);
  }
  assert.deepEqual(titles, ["Three", "Two", "One"]);
  const { error } = await getProject({ client, path: { projectId: "none" } });
  assert.deepEqual([error.name, error.status, error.message], ["ApiError", 404, "Project not found"]);
});

test("a create has a key, and is repeated", async () => {
  const sent = [];
  const client = createApi({
    baseUrl: api,
    fetch: async (request) => {
      sent.push(request);
      return sent.length === 1 ? new Response("", { status: 503, headers: { "retry-after": "0" } }) : fetch(request);
    },
  });
  const { error } = await createProject({ client, body: { title: "One" } });
  assert.equal(error.status, 401);
  const [first, second] = sent.map(({ headers }) => headers.get("idempotency-key"));
  assert.ok(first);
  assert.equal(first, second);
});
