// The client of clients/typescript against the running API.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";

import { createAuth } from "@codecave/api/auth";

import { Browser, agree, api, newcomer, site } from "../browser.js";
import { folder, run, runIn } from "../programs.js";

const execute = promisify(execFile);

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

  test("uses the package that `npm pack` makes, in a project of its own", async () => {
    const project = join(folder, "node_modules/.cache/packed");
    await rm(project, { recursive: true, force: true });
    const installed = join(project, "node_modules/@codecave/api");
    await mkdir(installed, { recursive: true });
    const pack = ["pack", "--workspace=@codecave/api", "--ignore-scripts", "--silent", `--pack-destination=${project}`];
    const { stdout: archive } = await execute("npm", pack, { cwd: join(folder, "..") });
    await execute("tar", ["-xzf", archive.trim(), "--strip-components=1", "-C", installed], { cwd: project });
    await writeFile(join(project, "package.json"), JSON.stringify({ type: "module" }));
    for (const file of ["tsconfig.json", "visit.ts"]) {
      await copyFile(join(folder, "typed", file), join(project, file));
    }
    await runIn("node_modules/.cache/packed", "tsc", "--outDir", "out");
    const { visit } = await import("../node_modules/.cache/packed/out/visit.js");
    const browser = await signIn();
    await visit(api, browser.fetch);
  });
});
