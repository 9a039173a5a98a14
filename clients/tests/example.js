// The example in a real browser, at the origin of the frontend, with the API that runs.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { join } from "node:path";

import axe from "axe-core";
import pg from "pg";
import { chromium as driver } from "playwright-core";
import { build } from "vite";

import { agree, api, newcomer, site } from "./browser.js";
import { chromium } from "./cross_site.js";
import { folder } from "./programs.js";

/** Why the tests with a browser are skipped. Where tests decide what lands, they fail instead. */
export const skip = chromium || process.env.CI ? false : "there is no Chromium on this machine";

const types = { css: "text/css", html: "text/html", js: "text/javascript" };

/** Builds the example and starts a browser. */
export async function start() {
  process.env.VITE_API_URL = api;
  const { output } = await build({ root: join(folder, "../example"), logLevel: "error", build: { write: false } });
  const files = new Map(output.map((file) => [`/${file.fileName}`, file.type === "chunk" ? file.code : file.source]));
  const server = http.createServer(({ url }, response) => {
    const { pathname } = new URL(url, site);
    const path = files.has(pathname) ? pathname : "/index.html";
    response.writeHead(200, { "content-type": types[path.split(".").at(-1)] }).end(files.get(path));
  });
  server.listen(new URL(site).port, "127.0.0.1");
  await once(server, "listening");
  const browser = await driver.launch({
    executablePath: chromium,
    args: ["--no-sandbox"],
    // People have that cache, and Playwright turns it off.
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });

  /** Opens a window of its own, with its own cookies. */
  const open = async () => {
    const context = await browser.newContext({ baseURL: site });
    context.setDefaultTimeout(15_000);
    return context;
  };
  const close = async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  };
  return { open, close };
}

/** Presses the button that leads to the page of the provider, and returns its address. */
export async function toProvider(page, button) {
  await button.click();
  await page.waitForURL((url) => url.origin !== site);
  return page.url();
}

/** Begins a sign-in, and returns the address of the provider's page. */
export async function askProvider(page, provider) {
  await page.goto("/sign-in");
  return toProvider(page, page.getByRole("button", { name: `Sign in with ${provider}` }));
}

/** Signs a person in, and waits for the page that shows it. */
export async function signIn(context, provider = "GitHub", person = newcomer()) {
  const page = await context.newPage();
  await page.goto(agree(await askProvider(page, provider), person));
  await page.waitForURL(`${site}/`);
  await page.getByRole("link", { name: person.name }).waitFor();
  return { page, person };
}

/** Publishes a project with the form, and goes to its page. Returns the path of the page. */
export async function publish(page, title) {
  await page.getByRole("link", { name: "New project" }).click();
  await page.getByLabel("Title").fill(title);
  await page.getByLabel("Text, in Markdown").fill("It *prints* tables.");
  await page.getByLabel("Tags").fill("mechanics, tables");
  await page.getByLabel("Everybody can see it").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Preview" }).click();
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
  return new URL(page.url()).pathname;
}

/** Executes a statement that changes rows of a person in the database. Its parameter is the address of the person. */
export async function change({ email }, statement) {
  const db = new pg.Client(process.env.DATABASE_URL);
  await db.connect();
  try {
    const { rowCount } = await db.query(statement, [email]);
    assert.ok(rowCount > 0);
  } finally {
    await db.end();
  }
}

/** Fails with what hinders people with a disability, in the light and in the dark. */
export async function accessible(page) {
  await page.evaluate(axe.source);
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate(() => window.axe.run());
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const found = serious.map(({ help, nodes }) => `${help}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(found, [], `${page.url()} is not accessible, ${colorScheme}`);
  }
}

/** Moves the focus with the tab key until it is on the element with that name. */
export async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name, exact: true });
  await wanted.waitFor();
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await wanted.evaluate((element) => element === document.activeElement)) {
      return;
    }
  }
  assert.fail(`the tab key does not reach ${role} ${name}`);
}
