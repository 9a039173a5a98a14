// `adminClient()` against the running API: requests of an admin, and their effect on other users.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createAuthClient } from "better-auth/client";
import { adminClient } from "better-auth/client/plugins";

import { Browser, agree, api, newcomer, site } from "../browser.js";

// Listed in ADMIN_USER_IDS.
const admin = { name: "Admin", email: process.env.ADMIN_EMAIL };

const open = () => {
  const browser = new Browser();
  const client = createAuthClient({
    baseURL: api,
    plugins: [adminClient()],
    fetchOptions: { customFetchImpl: browser.fetch },
  });
  return { browser, client };
};

const signIn = async (person) => {
  const page = open();
  const end = await attempt(page, person);
  assert.equal(end, `${site}/home`);
  return { ...page, user: (await page.client.getSession()).data.user };
};

const attempt = async ({ browser, client }, person) => {
  const { data } = await client.signIn.social({
    provider: "github",
    callbackURL: `${site}/home`,
    errorCallbackURL: `${site}/oops`,
  });
  return browser.visit(agree(data.url, person));
};

/** Returns the data of a call that must succeed. */
const good = async (call) => {
  const { data, error } = await call;
  assert.equal(error, null);
  return data;
};

/** Returns the error code of a call that must fail. */
const refused = async (call, status) => {
  const { data, error } = await call;
  assert.equal(data, null);
  assert.equal(error.status, status);
  return error.code;
};

test("users are found, and given roles", async () => {
  const person = newcomer();
  const visitor = await signIn(person);
  const staff = await signIn(admin);

  const searchValue = person.email.split("@")[0];
  const found = await good(staff.client.admin.listUsers({ query: { searchValue, limit: 5 } }));
  assert.equal(found.total, 1);
  assert.equal(found.limit, 5);
  assert.equal(found.users[0].id, visitor.user.id);
  assert.ok(found.users[0].createdAt instanceof Date);
  assert.equal((await good(staff.client.admin.getUser({ query: { id: visitor.user.id } }))).email, person.email);
  const filter = { filterField: "role", filterValue: "reviewer", sortBy: "createdAt", sortDirection: "desc" };
  const before = (await good(staff.client.admin.listUsers({ query: filter }))).total;

  const userId = visitor.user.id;
  const { user } = await good(staff.client.admin.setRole({ userId, role: "reviewer" }));
  assert.equal(user.role, "reviewer");
  assert.equal((await good(staff.client.admin.listUsers({ query: filter }))).total, before + 1);
  const denied = await refused(visitor.client.admin.listUsers({ query: {} }), 403);
  assert.equal(denied, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS");

  await good(staff.client.admin.setRole({ userId, role: ["reviewer", "admin"] }));
  assert.ok((await good(visitor.client.admin.listUsers({ query: {} }))).total > 1);
  const may = await good(visitor.client.admin.hasPermission({ permissions: { user: ["ban"] } }));
  assert.equal(may.success, true);
});

test("a user is made, changed and removed", async () => {
  const staff = await signIn(admin);
  const person = newcomer();

  const { user } = await good(staff.client.admin.createUser({ ...person, password: "long enough", role: "user" }));
  assert.equal(user.email, person.email);
  const again = await refused(staff.client.admin.createUser({ ...person, password: "long enough" }), 400);
  assert.equal(again, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
  const changed = await good(
    staff.client.admin.updateUser({ userId: user.id, data: { name: "Another", emailVerified: true } }),
  );
  assert.equal(changed.name, "Another");
  const set = await good(staff.client.admin.setUserPassword({ userId: user.id, newPassword: "another one" }));
  assert.equal(set.status, true);

  // Both sides have verified the address now, so a sign-in with it is this user.
  const visitor = await signIn(person);
  assert.equal(visitor.user.id, user.id);
  assert.equal((await good(staff.client.admin.removeUser({ userId: user.id }))).success, true);
  assert.equal((await visitor.client.getSession()).data, null);
  assert.equal(await refused(staff.client.admin.removeUser({ userId: user.id }), 404), "USER_NOT_FOUND");
});

test("a ban ends sessions until it is lifted", async () => {
  const person = newcomer();
  const visitor = await signIn(person);
  const staff = await signIn(admin);
  const userId = visitor.user.id;

  const { user } = await good(staff.client.admin.banUser({ userId, banReason: "Spam", banExpiresIn: 3600 }));
  assert.equal(user.banned, true);
  assert.ok(user.banExpires instanceof Date);
  assert.equal((await visitor.client.getSession()).data, null);
  assert.equal((await visitor.browser.fetch(`${api}/users/profile`)).status, 401);
  const end = new URL(await attempt(open(), person));
  assert.equal(end.searchParams.get("error"), "BANNED_USER");

  assert.equal((await good(staff.client.admin.unbanUser({ userId }))).user.banned, false);
  await signIn(person);
});

test("an admin acts in a user's name and returns", async () => {
  const visitor = await signIn(newcomer());
  const staff = await signIn(admin);

  const taken = await good(staff.client.admin.impersonateUser({ userId: visitor.user.id }));
  assert.equal(taken.session.impersonatedBy, staff.user.id);
  assert.equal((await staff.client.getSession()).data.user.id, visitor.user.id);
  assert.equal((await visitor.client.listSessions()).data.length, 1);
  const profile = await staff.browser.fetch(`${api}/users/profile`);
  assert.equal((await profile.json()).user.id, visitor.user.id);

  const back = await good(staff.client.admin.stopImpersonating());
  assert.equal(back.user.id, staff.user.id);
  assert.equal((await staff.client.getSession()).data.user.id, staff.user.id);
  assert.deepEqual(staff.browser.cookies(), ["better-auth.session_token"]);
});

test("sessions of others are listed and revoked", async () => {
  const person = newcomer();
  const [here, there] = [await signIn(person), await signIn(person)];
  const staff = await signIn(admin);
  const userId = here.user.id;

  const { sessions } = await good(staff.client.admin.listUserSessions({ userId }));
  assert.equal(sessions.length, 2);
  const own = (await here.client.getSession()).data.session.token;
  await good(staff.client.admin.revokeUserSession({ sessionToken: own }));
  assert.equal((await here.client.getSession()).data, null);
  assert.notEqual((await there.client.getSession()).data, null);
  await good(staff.client.admin.revokeUserSessions({ userId }));
  assert.equal((await there.client.getSession()).data, null);
});
