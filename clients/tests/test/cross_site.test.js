// The three ways to have a frontend and the API at different addresses, from sign-in to sign-out in a real browser.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium as driver } from "playwright-core";
import { agree, newcomer } from "../browser.js";
import { certificates, chromium, forward, page, serve, startAuth } from "../cross_site.js";

const hosts = ["app.frontend.test", "api.frontend.test", "api.backend.test"];
const skip = chromium || process.env.CI ? false : "there is no Chromium on this machine";
let tls;
before(() => {
  assert.ok(chromium || skip, "there is no Chromium on this machine");
  tls = chromium && certificates(hosts);
});

/** What a visit needs to end when a test ends. */
const open = [];
after(async () => {
  for (const close of open.reverse()) {
    await close();
  }
});

/** Opens the frontend in a new browser. Without `apiHost` the frontend forwards requests. */
async function visit({ apiHost, sameSite, blocksCookies = false }) {
  // The addresses are part of each other's configuration, so the servers come first.
  const handlers = {};
  const listen = async (name) => {
    const { server, port } = await serve(tls, (request, response) => handlers[name](request, response));
    open.push(() => new Promise((closed) => server.close(closed) && server.closeAllConnections()));
    return port;
  };
  const frontend = `https://app.frontend.test:${await listen("frontend")}`;
  const api = apiHost ? `https://${apiHost}:${await listen("api")}` : frontend;
  const auth = await startAuth({
    BETTER_AUTH_URL: api,
    BETTER_AUTH_SECRET: "a-secret-of-this-test-0123456789",
    COOKIE_SAME_SITE: sameSite,
    DATABASE_URL: process.env.DATABASE_URL,
    FRONTEND_URL: frontend,
  });
  open.push(auth.stop);
  const html = await page(api);
  handlers.api = forward(auth.port);
  handlers.frontend = (request, response) =>
    request.url.startsWith("/api/auth/") && !apiHost
      ? forward(auth.port)(request, response)
      : response.writeHead(200, { "content-type": "text/html" }).end(html);

  // A profile on disk, because a context without one is a private window. Its settings allow cookies of other sites or block
  // them ("Third-party cookies"): the defaults of browsers differ, and a test must not depend on them.
  const profile = await mkdtemp(join(tmpdir(), "cross-site-profile-"));
  const preferences = { profile: { cookie_controls_mode: blocksCookies ? 1 : 0 } };
  await mkdir(join(profile, "Default"));
  await writeFile(join(profile, "Default", "Preferences"), JSON.stringify(preferences));
  const browser = await driver.launchPersistentContext(profile, {
    executablePath: chromium,
    args: [
      "--no-sandbox",
      `--host-resolver-rules=${hosts.map((host) => `MAP ${host} 127.0.0.1`).join(",")}`,
      `--ignore-certificate-errors-spki-list=${tls.authority}`,
    ],
  });
  open.push(async () => {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  });
  const tab = await browser.newPage();
  await tab.goto(frontend);
  await tab.waitForFunction(() => window.client);
  return { tab, frontend };
}

/** Signs in with the official client; the session that it then finds. */
async function signIn({ tab, frontend }, person) {
  const start = await tab.evaluate(
    (callbackURL) => client.signIn.social({ provider: "github", callbackURL, disableRedirect: true }),
    `${frontend}/welcome`,
  );
  assert.equal(start.error, null);
  await tab.goto(agree(start.data.url, person));
  const address = tab.url();
  if (address !== `${frontend}/welcome`) {
    return { address };
  }
  await tab.waitForFunction(() => window.client);
  const { data, error } = await tab.evaluate(() => client.getSession());
  assert.equal(error, null);
  return { address, session: data };
}

async function signInAndOut(way) {
  const person = newcomer();
  const visitor = await visit(way);

  const { session } = await signIn(visitor, person);
  assert.equal(session?.user.email, person.email);
  const cookies = await visitor.tab.context().cookies();
  const cookie = cookies.find(({ name }) => name === "__Secure-better-auth.session_token");
  assert.equal(cookie.sameSite.toLowerCase(), way.sameSite);
  assert.ok(cookie.secure && cookie.httpOnly);

  const out = await visitor.tab.evaluate(() => client.signOut());
  assert.equal(out.error, null);
  const after = await visitor.tab.evaluate(() => client.getSession());
  assert.equal(after.data, null);
}

test("an API on another site needs SameSite=None", { skip }, async () => {
  await signInAndOut({ apiHost: "api.backend.test", sameSite: "none" });
});

test("with SameSite=Lax nobody signs in from another site", { skip }, async () => {
  const outcome = await signIn(await visit({ apiHost: "api.backend.test", sameSite: "lax" }), newcomer());
  assert.ok(!outcome.session, JSON.stringify(outcome));
});

test("a browser that blocks cookies of other sites signs nobody in there", { skip }, async () => {
  const way = { apiHost: "api.backend.test", sameSite: "none", blocksCookies: true };
  const outcome = await signIn(await visit(way), newcomer());
  assert.ok(!outcome.session, JSON.stringify(outcome));
});

test("an API at a domain of the frontend's site works with SameSite=Lax", { skip }, async () => {
  await signInAndOut({ apiHost: "api.frontend.test", sameSite: "lax", blocksCookies: true });
});

test("a frontend that forwards requests works with SameSite=Lax", { skip }, async () => {
  await signInAndOut({ sameSite: "lax", blocksCookies: true });
});
