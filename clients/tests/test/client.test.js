// Three versions of `better-auth/client` against the running API.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { createAuthClient as create13 } from "better-auth-1.3/client";
import { createAuthClient as create16 } from "better-auth-1.6/client";
import { createAuthClient as create17 } from "better-auth/client";

import { Browser, agree, api, newcomer, site } from "../browser.js";

const generations = [
  { version: "1.3.2", create: create13, selects: (account) => ({ providerId: account.providerId }) },
  { version: "1.6.34", create: create16, selects: (account) => ({ providerId: account.providerId }) },
  { version: "1.7.25", create: create17, selects: (account) => ({ accountId: account.id }) },
];

for (const { version, create, selects } of generations) {
  describe(`better-auth ${version}`, () => {
    const open = () => {
      const browser = new Browser();
      const client = create({ baseURL: api, fetchOptions: { customFetchImpl: browser.fetch } });
      return { browser, client };
    };

    const signIn = async ({ browser, client }, provider, person, wishes) => {
      const { data, error } = await client.signIn.social({
        ...wishes,
        provider,
        callbackURL: `${site}/home`,
        newUserCallbackURL: `${site}/welcome`,
        errorCallbackURL: `${site}/oops`,
      });
      assert.equal(error, null);
      assert.equal(data.redirect, true);
      return browser.visit(agree(data.url, person));
    };

    for (const provider of ["github", "google"]) {
      test(`a newcomer signs in with ${provider}, leaves and comes back`, async () => {
        const page = open();
        const person = newcomer();

        assert.equal(await signIn(page, provider, person), `${site}/welcome`);
        assert.deepEqual(page.browser.cookies(), ["better-auth.session_token"]);
        const { data } = await page.client.getSession();
        assert.equal(data.user.email, person.email);
        assert.equal(data.user.name, person.name);
        assert.equal(data.user.emailVerified, true);
        assert.ok(data.session.expiresAt instanceof Date);
        assert.equal(data.session.userId, data.user.id);

        const profile = await page.browser.fetch(`${api}/users/profile`);
        assert.equal(profile.status, 200);
        assert.equal((await profile.json()).user.email, person.email);

        const out = await page.client.signOut();
        assert.equal(out.data.success, true);
        assert.deepEqual(page.browser.cookies(), []);
        assert.equal((await page.client.getSession()).data, null);
        assert.equal((await page.browser.fetch(`${api}/users/profile`)).status, 401);

        assert.equal(await signIn(page, provider, person), `${site}/home`);
        assert.equal((await page.client.getSession()).data.user.id, data.user.id);
      });
    }

    test("a person who declines gets to the error page and stays signed out", async () => {
      const { browser, client } = open();
      const { data } = await client.signIn.social({
        provider: "github",
        callbackURL: `${site}/home`,
        errorCallbackURL: `${site}/oops`,
      });

      const end = new URL(await browser.visit(`${data.url}&decision=deny`));

      assert.equal(end.pathname, "/oops");
      assert.equal(end.searchParams.get("error"), "access_denied");
      assert.equal((await client.getSession()).data, null);
    });

    test("sessions are listed and revoked", async () => {
      const person = newcomer();
      const [here, there] = [open(), open()];
      await signIn(here, "github", person);
      await signIn(there, "github", person);

      const sessions = await here.client.listSessions();
      assert.equal(sessions.error, null);
      assert.equal(sessions.data.length, 2);

      const own = (await here.client.getSession()).data.session.token;
      const other = sessions.data.find((session) => session.token !== own);
      assert.equal((await here.client.revokeSession({ token: other.token })).data.status, true);
      assert.equal((await there.client.getSession()).data, null);
      assert.equal((await here.client.listSessions()).data.length, 1);

      await signIn(there, "github", person);
      assert.equal((await here.client.revokeOtherSessions()).data.status, true);
      assert.equal((await there.client.getSession()).data, null);
      assert.equal((await here.client.revokeSessions()).data.status, true);
      assert.equal((await here.client.getSession()).data, null);
    });

    test("a second account is linked and unlinked", async () => {
      const page = open();
      const person = newcomer();
      await signIn(page, "github", person);

      const link = await page.client.linkSocial({
        provider: "google",
        callbackURL: `${site}/settings`,
        errorCallbackURL: `${site}/oops`,
      });
      assert.equal(link.error, null);
      assert.equal(await page.browser.visit(agree(link.data.url, person)), `${site}/settings`);
      const { data: accounts } = await page.client.listAccounts();
      assert.deepEqual(accounts.map((account) => account.providerId).sort(), ["github", "google"]);

      const github = accounts.find((account) => account.providerId === "github");
      const unlinked = await page.client.unlinkAccount(selects(github));
      assert.equal(unlinked.data.status, true);
      const left = (await page.client.listAccounts()).data;
      assert.deepEqual(left.map((account) => account.providerId), ["google"]);

      const last = await page.client.unlinkAccount(selects(left[0]));
      assert.equal(last.error.status, 400);
      assert.equal(last.error.code, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    });

    test("a provider's tokens and profile are handed out", async () => {
      const page = open();
      const person = newcomer();
      // Google issues a refresh token on request only.
      await signIn(page, "google", person, { additionalParams: { access_type: "offline" } });
      const [account] = (await page.client.listAccounts()).data;
      assert.deepEqual(account.scopes.sort(), ["email", "openid", "profile"]);

      const first = await page.client.getAccessToken(selects(account));
      assert.equal(first.error, null);
      assert.ok(first.data.accessTokenExpiresAt instanceof Date);
      const fresh = await page.client.refreshToken(selects(account));
      assert.equal(fresh.error, null);
      assert.notEqual(fresh.data.accessToken, first.data.accessToken);
      const second = await page.client.getAccessToken(selects(account));
      assert.equal(second.data.accessToken, fresh.data.accessToken);

      const info = await page.client.accountInfo({ query: selects(account) });
      assert.equal(info.error, null);
      assert.equal(info.data.user.email, person.email);
      assert.equal(info.data.account.id, account.id);

      const nobodys = await open().client.getAccessToken(selects(account));
      assert.equal(nobodys.error.status, 401);
    });

    test("the session follows a change of the user", async () => {
      const page = open();
      await signIn(page, "google", newcomer());

      const changed = await page.client.updateUser({ name: "Somebody Else", image: null });

      assert.equal(changed.data.status, true);
      const { user } = (await page.client.getSession()).data;
      assert.equal(user.name, "Somebody Else");
      assert.equal(user.image, null);
    });

    test("errors reach the caller with status and code", async () => {
      const { client } = open();

      const listed = await client.listSessions();
      assert.equal(listed.data, null);
      assert.equal(listed.error.status, 401);
      assert.equal(listed.error.code, "UNAUTHORIZED");

      const unknown = await client.signIn.social({ provider: "gitlab" });
      assert.equal(unknown.error.status, 404);
      assert.equal(unknown.error.code, "PROVIDER_NOT_FOUND");

      const elsewhere = await client.signIn.social({
        provider: "github",
        callbackURL: "https://evil.example/",
      });
      assert.equal(elsewhere.error.status, 403);
      assert.equal(elsewhere.error.code, "INVALID_CALLBACK_URL");
    });
  });
}
