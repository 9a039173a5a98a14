// `/docs` in a real browser, under the content security policy that the API sends with it.

import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import axe from "axe-core";
import { chromium as driver } from "playwright-core";

import { api } from "../browser.js";
import { chromium } from "../cross_site.js";
import { folder, runIn } from "../programs.js";

const skip = chromium || process.env.CI ? false : "there is no Chromium on this machine";
let browser;

before(async () => {
  if (!skip) browser = await driver.launch({ executablePath: chromium, args: ["--no-sandbox"] });
});
after(() => browser?.close());

/** Opens the page in a window of its own. A violation of the policy or an uncaught error fails the test. */
async function open(t, { hash = "", width = 1280 } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (line) => line.text().includes("Content Security Policy") && problems.push(line.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });
  await page.goto(`${api}/docs${hash}`);
  await page.locator(".operation").first().waitFor();
  return page;
}

test("projects come first, and administration and what is switched off last", { skip }, async (t) => {
  const page = await open(t);
  const topics = await page.locator("main h2").allTextContents();
  assert.equal(topics[0], "Projects");
  assert.deepEqual(topics.slice(-2), ["Administration", "Switched off"]);
  const always = await page.locator("section:not(:last-child) .summary", { hasText: "Always returns" }).count();
  assert.equal(always, 0);
});

test("a deep link opens its operation", { skip }, async (t) => {
  const page = await open(t, { hash: "#likeProject" });
  assert.deepEqual(await page.locator(".operation[open]").evaluateAll((found) => found.map(({ id }) => id)), ["likeProject"]);
});

test("a link does not scroll its target behind the header, however many rows it has", { skip }, async (t) => {
  for (const width of [1400, 950]) {
    const page = await open(t, { width });
    await page.locator("#who button").first().waitFor();
    await page.getByRole("navigation").getByRole("link", { name: "PUT Likes a project" }).click();
    const [header, title] = await Promise.all([page.locator("header").boundingBox(), page.locator("#likeProject h3").boundingBox()]);
    assert.ok(title.y >= header.y + header.height, `${title.y} is above ${header.y + header.height}`);
    assert.ok(title.y < 400);
  }
});

test("a required field that is empty is reported, and nothing is sent", { skip }, async (t) => {
  const page = await open(t, { hash: "#getUser" });
  const sent = [];
  page.on("request", (request) => sent.push(request.url()));
  const operation = page.locator("#getUser");
  await operation.getByRole("button", { name: "Send GET" }).click();
  await operation.getByText("userId is required").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.name), "userId");
  assert.deepEqual(sent, []);
});

test("closed lists are selects, and lists of values repeat their name", { skip }, async (t) => {
  const page = await open(t, { hash: "#listProjects" });
  const operation = page.locator("#listProjects");
  await operation.getByLabel("sort query").selectOption("likes");
  await operation.getByLabel("isPublic query").selectOption("true");
  await operation.getByLabel("tag query").fill("rust, history");
  const sent = page.waitForRequest((request) => request.url().includes("/projects?"));
  await operation.getByRole("button", { name: "Send GET" }).click();
  const { searchParams } = new URL((await sent).url());
  assert.deepEqual(searchParams.getAll("tag"), ["rust", "history"]);
  assert.equal(searchParams.get("sort"), "likes");
  assert.equal(searchParams.get("isPublic"), "true");
  await operation.locator(".output .status", { hasText: "200" }).waitFor();
});

test("an API key is sent instead of the session", { skip }, async (t) => {
  const page = await open(t, { hash: "#getProfile" });
  await page.getByRole("textbox", { name: "API key" }).fill("cc_nobodys");
  await page.getByRole("textbox", { name: "API key" }).press("Enter");
  const sent = page.waitForRequest(`${api}/users/profile`);
  await page.locator("#getProfile").getByRole("button", { name: "Send GET" }).click();
  assert.equal((await sent).headers()["x-api-key"], "cc_nobodys");
  await page.locator("#getProfile .output .status", { hasText: "401" }).waitFor();
});

test("the search hides topics without a match", { skip }, async (t) => {
  const page = await open(t);
  await page.getByLabel("Search operations").fill("api-key create");
  assert.deepEqual(await page.locator("main h2:visible").allTextContents(), ["API keys"]);
  assert.equal(await page.locator("#found").textContent(), "1 operation");
  await page.getByLabel("Search operations").fill("no such thing");
  assert.deepEqual(await page.locator("main h2:visible").allTextContents(), []);
  assert.equal(await page.locator("#found").textContent(), "No operations");
});

test("every operation has an example for curl, and one in strict TypeScript", { skip }, async (t) => {
  const page = await open(t);
  const examples = await page.evaluate(() => operations().map((operation) => {
    const request = exampleRequest(operation);
    return { id: operation.id, curl: curlOf(operation, request), code: typeScriptOf(operation, request) };
  }));
  assert.ok(examples.length > 90);
  const place = join(folder, "node_modules/.cache/examples");
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  for (const { id, curl, code } of examples) {
    assert.match(curl, /^curl (-X [A-Z]+ )?'https?:\/\//, id);
    assert.doesNotMatch(curl, /\{[a-zA-Z]+\}'/, `${id} has a parameter without an example`);
    await writeFile(join(place, `${id}.ts`), code);
  }
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", module: "nodenext", lib: ["es2022", "dom"] };
  await writeFile(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...compilerOptions, types: [] }, include: ["*.ts"] }));
  await writeFile(join(place, "package.json"), JSON.stringify({ type: "module" }));
  await runIn("node_modules/.cache/examples", "tsc");
});

test("axe has no findings, in the dark and on a phone", { skip }, async (t) => {
  for (const [colorScheme, width] of [["light", 1280], ["dark", 360]]) {
    const page = await open(t, { hash: "#createProject", width });
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe.source);
    const findings = await page.evaluate(async () => {
      const { passes, violations } = await window.axe.run();
      return { checked: passes.length, found: violations.map(({ id, nodes }) => `${id}: ${nodes[0].target}`) };
    });
    assert.ok(findings.checked > 20);
    assert.deepEqual(findings.found, []);
  }
});

test("nothing is wider than a phone", { skip }, async (t) => {
  const page = await open(t, { hash: "#createProject", width: 360 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 360);
});
