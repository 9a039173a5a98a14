// Recorded requests that build on each other: signing in, linking, refreshing, impersonating, keys.

import { setTimeout as sleep } from "node:timers/promises";

import { keys, token } from "./people.js";

/** Waits for another second: an id token of the same one would be the same token. */
const nextSecond = () => sleep(1_100);

const newcomer = { name: "New Comer", email: "newcomer@example.com" };
const key = (value) => ({ headers: { "x-api-key": value } });
const json = (answer) => JSON.parse(answer.text);

const signInAndOut = (provider) => ({
  name: `signing in with ${provider}`,
  script: async ({ get, post, signIn, open, send }) => {
    const browser = open();
    await signIn("the first time", browser, newcomer, { provider });
    await get("the session", browser, "get-session");
    await get("the accounts", browser, "list-accounts");
    await get("the sessions", browser, "list-sessions");
    await send("the profile", browser, "GET", "/users/profile");
    await post("a new name", browser, "update-user", { name: "Renamed" });
    await get("the session with the new name", browser, "get-session");
    const other = open();
    await signIn("the second time", other, { ...newcomer, name: "Changed there" }, { provider });
    await post("only this session", other, "revoke-other-sessions", {});
    await get("the revoked session", browser, "get-session");
    await post("signing out", other, "sign-out", {});
    await get("no session", other, "get-session");
  },
});

const linking = {
  name: "linking",
  script: async ({ get, post, signIn, open }) => {
    const browser = open();
    await signIn("signing in", browser, newcomer);
    await signIn("linking Google", browser, newcomer, { provider: "google", path: "link-social" });
    await nextSecond();
    await signIn("linking it again", browser, newcomer, { provider: "google", path: "link-social" });
    await signIn(
      "another address",
      browser,
      { ...newcomer, email: "else@example.com" },
      { provider: "google", path: "link-social" },
    );
    await signIn(
      "not verified",
      browser,
      { ...newcomer, verified: false },
      { provider: "google", path: "link-social" },
    );
    const accounts = json(await get("the accounts", browser, "list-accounts"));
    const id = (provider) => accounts.find((account) => account.providerId === provider).id;
    await get("Google's data", browser, `account-info?accountId=${id("google")}`);
    await get("GitHub's data", browser, `account-info?accountId=${id("github")}`);
    await post("GitHub's token", browser, "get-access-token", { accountId: id("github") });
    await post("Google's token", browser, "get-access-token", { accountId: id("google") });
    await post("unlinking GitHub", browser, "unlink-account", { accountId: id("github") });
    await post("unlinking the last", browser, "unlink-account", { accountId: id("google") });
    await signIn("signing in with Google", open(), newcomer, { provider: "google" });
    await signIn("with GitHub again", open(), newcomer);
  },
};

const refreshing = {
  name: "refreshing tokens",
  script: async ({ get, post, signIn, open }) => {
    const browser = open();
    await signIn("signing in", browser, newcomer, { provider: "google", additionalParams: { access_type: "offline" } });
    const [{ id }] = json(await get("the accounts", browser, "list-accounts"));
    await nextSecond();
    await post("new tokens", browser, "refresh-token", { accountId: id });
    await post("the token", browser, "get-access-token", { accountId: id });
  },
};

const implicitLinks = {
  name: "a known address",
  script: async ({ signIn, open, get }) => {
    const browser = open();
    await signIn("verified on both sides", browser, { name: "Ada", email: "ada@example.com" }, { provider: "google" });
    await signIn("not verified there", open(), { name: "Bob", email: "bob@example.com", verified: false });
    await signIn("not verified here", open(), { name: "Cleo", email: "cleo@example.com" });
    await signIn("in capitals", open(), { name: "Mod", email: "MOD@Example.com" });
    await signIn("an unverified newcomer", open(), { ...newcomer, verified: false });
    await signIn("verified later", open(), newcomer);
  },
};

const failing = {
  name: "a sign-in that fails",
  script: async ({ post, callback, signIn, open }) => {
    await signIn("declined", open(), newcomer, { decision: "deny" });
    await signIn("declined without an address for errors", open(), newcomer, {
      decision: "deny",
      errorCallbackURL: undefined,
    });
    const browser = open();
    const { url } = json(
      await post("starting", browser, "sign-in/social", { provider: "github", errorCallbackURL: "/oops?a=b" }),
    );
    const state = new URL(url).searchParams.get("state");
    await callback("without its cookie", open(), `/api/auth/callback/github?code=x&state=${state}`);
    await callback("with a bad code", browser.copy(), `/api/auth/callback/github?code=x&state=${state}`);
    await callback("a second time", browser, `/api/auth/callback/github?code=x&state=${state}`);
    const late = open();
    const again = json(
      await post("starting again", late, "sign-in/social", { provider: "github", errorCallbackURL: "/oops" }),
    );
    const next = new URL(again.url).searchParams.get("state");
    await callback("without a code", late, `/api/auth/callback/github?state=${next}`);
  },
};

const bans = {
  name: "a ban",
  script: async ({ get, post, signIn, open, send }) => {
    const admin = open(token("admin"));
    const browser = open();
    await signIn("signing in", browser, newcomer);
    const { user } = json(await get("the session", browser, "get-session"));
    await post("banned", admin, "admin/ban-user", { userId: user.id, banReason: "Spam" });
    await get("no session", browser, "get-session");
    await send("no profile", browser, "GET", "/users/profile");
    await signIn("signing in meanwhile", open(), newcomer);
    await post("lifted", admin, "admin/unban-user", { userId: user.id });
    await signIn("signing in again", browser, newcomer);
    await signIn("a ban that has passed", open(), { name: "Lapsed", email: "lapsed@example.com" });
    await post("removed", admin, "admin/remove-user", { userId: user.id });
    await get("nobody", browser, "get-session");
  },
};

const impersonating = {
  name: "impersonating",
  script: async ({ get, post, open, send }) => {
    const admin = open(token("admin"));
    await post("taking Bob's place", admin, "admin/impersonate-user", { userId: "bob" });
    await get("the session", admin, "get-session");
    await send("the profile", admin, "GET", "/users/profile");
    await get("no rights", admin, "admin/get-user?id=ada");
    await get("Bob's sessions", open(token("bob")), "list-sessions");
    await post("back", admin, "admin/stop-impersonating", {});
    await get("the own session", admin, "get-session");
    await post("not twice", admin, "admin/stop-impersonating", {});
  },
};

const dueSession = {
  name: "a session that is due",
  script: async ({ get, post, open, send, query }) => {
    const browser = open("ada-due");
    await send("the profile extends it", browser, "GET", "/users/profile");
    await query(`update session set "expiresAt" = now() at time zone 'utc' + interval '2 days' where id = 'ada-due'`);
    await get("the accounts extend it", browser, "list-accounts");
    await get("not twice", browser, "get-session");
    await query(`update session set "expiresAt" = now() at time zone 'utc' - interval '1 hour' where id = 'ada-due'`);
    await post("it has expired", browser, "update-user", { name: "X" });
  },
};

const apiKeys = {
  name: "an API key",
  script: async ({ get, post, open, send, query }) => {
    const browser = open(token("ada"));
    const made = json(await post("made", browser, "api-key/create", { name: "CI" }));
    await get("its session", open(), "get-session", key(made.key));
    await send("its owner's profile", open(), "GET", "/users/profile", key(made.key));
    await get("its owner's accounts", open(), "list-accounts", key(made.key));
    await get("listed", browser, "api-key/list");
    await post("switched off", browser, "api-key/update", { keyId: made.id, enabled: false });
    await get("not usable", open(), "get-session", key(made.key));
    await send("no profile", open(), "GET", "/users/profile", key(made.key));
    await post("deleted", browser, "api-key/delete", { keyId: made.id });
    await get("unknown", open(), "get-session", key(made.key));
    await send("unknown to routes", open(), "GET", "/users/profile", key(made.key));
    await query(`update apikey set "expiresAt" = '2025-01-01' where id = 'reading-key'`);
    await get("expired", open(), "get-session", key(keys.reading));
    await get("deleted when it expired", open(), "get-session", key(keys.reading));
  },
};

export const flows = [
  signInAndOut("github"),
  signInAndOut("google"),
  linking,
  refreshing,
  implicitLinks,
  failing,
  bans,
  impersonating,
  dueSession,
  apiKeys,
];
