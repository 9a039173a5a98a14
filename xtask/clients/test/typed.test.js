// A client with types from the OpenAPI document, against the running API.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { createAuthClient } from "better-auth/client";

import { Browser, agree, api, newcomer, site } from "../browser.js";

const folder = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program of one of the packages. An error contains its output. */
const run = (program, ...parameters) =>
  new Promise((resolve, reject) => {
    execFile(`node_modules/.bin/${program}`, parameters, { cwd: folder }, (error, out, problems) =>
      error ? reject(new Error(`${program}: ${out}${problems}`)) : resolve(),
    );
  });

test("a client typed by the document compiles and does what a visitor does", async () => {
  await run("openapi-typescript", `${api}/openapi.json`, "--output", "typed/schema.d.ts");
  await run("tsc", "--project", "typed");
  const { visit } = await import("../node_modules/.cache/typed/visit.js");

  const browser = new Browser();
  const client = createAuthClient({ baseURL: api, fetchOptions: { customFetchImpl: browser.fetch } });
  const { data } = await client.signIn.social({ provider: "github", callbackURL: `${site}/home` });
  assert.equal(await browser.visit(agree(data.url, newcomer())), `${site}/home`);

  await visit(api, browser.fetch);
});
