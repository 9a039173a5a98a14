// The client of clients/typescript against the running API.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { createAuth } from "@codecave/api/auth";

import { Browser, agree, api, newcomer, site } from "../browser.js";
import { run } from "../programs.js";

const signIn = async () => {
  const browser = new Browser();
  const client = createAuth({ baseUrl: api, fetch: browser.fetch });
  const { data } = await client.signIn.social({ provider: "github", callbackURL: `${site}/home` });
  assert.equal(await browser.visit(agree(data.url, newcomer())), `${site}/home`);
  return browser;
};

describe("a program in strict TypeScript", () => {
  before(() => Promise.all(["typed", "typed/libraries.tsconfig.json"].map((project) => run("tsc", "--project", project))));

  test("does what a visitor does", async () => {
    const { visit } = await import("../node_modules/.cache/typed/visit.js");
    const browser = await signIn();
    await visit(api, browser.fetch);
  });

  test("loads again what a mutation makes stale, and nothing else", async () => {
    const { like } = await import("../node_modules/.cache/typed/cache.js");
    const browser = await signIn();
    await like(api, browser.fetch);
  });
});
