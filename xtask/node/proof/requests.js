// The recorded requests: every operation by every caller, and every way to spoil it.

import { operations } from "./operations.js";
import { keys } from "./people.js";

const everybody = ["anonymous", "ada", "banned", "due", "expired", "tampered", "key"];
const ofAdministration = ["anonymous", "ada", "mod", "admin", "unknown", "key"];
const brokenKeys = [
  "reading key",
  "disabled key",
  "spent key",
  "limited key",
  "orphaned key",
  "unknown key",
  "short key",
];

const byEverybody = operations.flatMap((operation) =>
  (operation.path.includes("/admin/") ? ofAdministration : everybody).map((caller) => ({ ...operation, caller })),
);

const byBrokenKeys = ["get-session", "list-accounts", "api-key/list", "sign-in/social"].flatMap((path) => {
  const operation = operations.find((operation) => operation.path === `/api/auth/${path}`);
  return brokenKeys.map((caller) => ({ ...operation, caller }));
});

const values = { "a number": 5, null: null, "an empty text": "", "a list": [], nothing: undefined };

/** Each field of a body in turn with a value of every type. */
const wrongFields = operations
  .filter((operation) => operation.body)
  .flatMap((operation) =>
    Object.keys(operation.body).flatMap((field) =>
      Object.entries(values).map(([kind, value]) => ({
        ...operation,
        note: `${field} is ${kind}`,
        body: { ...operation.body, [field]: value },
      })),
    ),
  );

const writes = operations.filter((operation) => operation.method === "POST");

const wrongBodies = writes.flatMap((operation) => [
  { ...operation, note: "no body", body: undefined },
  { ...operation, note: "no type", headers: { "content-type": null } },
  { ...operation, note: "broken JSON", body: "{" },
  { ...operation, note: "a list", body: "[]" },
  { ...operation, note: "a form", body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
  { ...operation, note: "an unknown field", body: { ...operation.body, surplus: 1 } },
]);

const origins = writes.flatMap((operation) => [
  { ...operation, note: "a foreign origin", headers: { origin: "https://evil.example" } },
  { ...operation, note: "no origin", headers: { origin: null } },
]);

const methods = operations
  .map(({ method, path, caller }) => ({ method: method === "GET" ? "DELETE" : "GET", path, caller, note: "method" }))
  .filter(({ method, path }) => !operations.some((known) => known.path === path && known.method === method));

const post = (path, body, caller, note) => ({ method: "POST", path: `/api/auth/${path}`, body, caller, note });
const get = (path, caller, note) => ({ method: "GET", path: `/api/auth/${path}`, caller, note });

const addresses = [
  "//evil.example",
  "/\\evil.example",
  "/%2fevil.example",
  "relative/path",
  "javascript:alert(1)",
  "https://codecave.tech@evil.example/",
  "https://codecave.tech.evil.example/",
  "https://www.codecave.tech/x?y#z",
  "/a b",
  "/a;b",
  "/ok#x",
  "/a?next=https://evil.example",
].flatMap((address) =>
  ["callbackURL", "errorCallbackURL", "newUserCallbackURL"].map((field) =>
    post("sign-in/social", { provider: "github", [field]: address }, "anonymous", `${field} ${address}`),
  ),
);

const special = [
  ...["sign-out", "update-user"].flatMap((path) => [
    { ...post(path, { name: "Ada" }, "ada", "a null origin"), headers: { origin: "null" } },
    {
      ...post(path, { name: "Ada" }, "ada", "its own null origin"),
      headers: { origin: "null", "sec-fetch-site": "same-origin" },
    },
    {
      ...post(path, { name: "Ada" }, "ada", "a referrer"),
      headers: { origin: null, referer: "http://localhost:3000/page" },
    },
    post(path, '"text"', "ada", "a text"),
    post(path, "null", "ada", "null"),
  ]),
  get("get-session", "forged", "not signed"),
  get("list-sessions", "stale", "not fresh"),
  post("sign-in/social", { provider: "google" }, "anonymous", "google"),
  post("sign-in/social", { provider: "gitlab" }, "anonymous", "another provider"),
  post("sign-in/social", { provider: "github", disableRedirect: true }, "anonymous", "no redirect"),
  post(
    "sign-in/social",
    { provider: "google", additionalParams: { prompt: "consent" } },
    "anonymous",
    "more parameters",
  ),
  post("sign-in/social", { provider: "google", additionalParams: { state: "x" } }, "anonymous", "a reserved parameter"),
  post("sign-in/social", { provider: "google", idToken: { token: "x.y.z" } }, "anonymous", "a bad id token"),
  post("sign-in/social", { provider: "github", idToken: { token: "x.y.z" } }, "anonymous", "an id token of GitHub"),
  post(
    "sign-in/social",
    { provider: "github", additionalData: { link: { userId: "bob" } } },
    "anonymous",
    "a smuggled link",
  ),
  post("link-social", { provider: "google", idToken: { token: "x.y.z" } }, "ada", "a bad id token"),
  get("callback/github", "anonymous", "no state"),
  get("callback/github?state=unknown&code=x", "anonymous", "an unknown state"),
  get("callback/gitlab?state=unknown&code=x", "anonymous", "another provider"),
  get("callback/github?error=access_denied", "anonymous", "an error without a state"),
  get("callback/github?state=a&state=b", "anonymous", "two states"),
  {
    ...post("callback/github?state=a", "code=x", "anonymous", "a form"),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  },
  get("error?error=%3Cscript%3E", "anonymous", "a bad code"),
  post("update-user", { email: "new@example.com" }, "ada", "an address"),
  post("update-user", { role: "admin" }, "ada", "a role"),
  post("update-user", { name: "X", banned: true }, "ada", "a ban"),
  post("update-user", { image: null }, "ada", "no image"),
  post("unlink-account", { accountId: "bob-github" }, "ada", "another's"),
  post("unlink-account", { accountId: "bob-github" }, "bob", "the last"),
  post("unlink-account", { accountId: "none" }, "ada", "unknown"),
  post("unlink-account", { accountId: "ada-google" }, "stale", "not fresh"),
  post("get-access-token", { accountId: "ada-google" }, "ada", "an expired one"),
  post("get-access-token", { accountId: "ada-odd" }, "ada", "an unknown provider"),
  post("refresh-token", { accountId: "ada-github" }, "ada", "none to refresh with"),
  post("refresh-token", { accountId: "ada-odd" }, "ada", "an unknown provider"),
  get("account-info?accountId=ada-odd", "ada", "an unknown provider"),
  get("account-info?accountId=ada-google", "ada", "google"),
  get("account-info", "ada", "no account"),
  post("revoke-session", { token: "bob-session" }, "ada", "another's"),
  post("revoke-session", { token: "ada-session" }, "ada", "the own"),
  get("get-session?disableRefresh=true", "due", "due, no refresh"),
  get("get-session?disableCookieCache=x", "ada", "no cache"),
  ...[
    "searchValue=ada",
    "searchValue=B&searchField=name&searchOperator=starts_with&sortBy=id",
    "searchField=role&searchValue=a",
    "limit=2&sortBy=id",
    "limit=2&offset=1&sortBy=id",
    "limit=x&sortBy=id",
    "sortBy=email&sortDirection=desc&limit=3",
    "sortBy=email&sortDirection=up",
    "filterField=role&filterValue=admin",
    "filterField=banned&filterValue=true&sortBy=id",
    "filterField=name&filterValue=Ada&filterOperator=ne&sortBy=id",
    "filterField=nothing&filterValue=x",
    "filterField=id&filterValue=ada&filterValue=bob&filterOperator=in&sortBy=id",
    "filterField=email&filterValue=example.com&filterOperator=ends_with&sortBy=id&limit=1",
  ].map((query) => get(`admin/list-users?${query}`, "admin", "query")),
  get("admin/get-user?id=none", "admin", "unknown"),
  get("admin/get-user", "admin", "no id"),
  ...[
    "update-user",
    "set-role",
    "ban-user",
    "unban-user",
    "list-user-sessions",
    "revoke-user-sessions",
    "impersonate-user",
    "remove-user",
    "set-user-password",
  ].flatMap((path) => {
    const { body } = operations.find((operation) => operation.path.endsWith(`/admin/${path}`));
    return [
      post(`admin/${path}`, { ...body, userId: "none" }, "admin", "unknown"),
      post(`admin/${path}`, { ...body, userId: "admin" }, "admin", "oneself"),
    ];
  }),
  post("admin/impersonate-user", { userId: "banned" }, "admin", "a banned one"),
  post("admin/create-user", { email: "ADA@example.com", name: "Ada" }, "admin", "a taken address"),
  post("admin/create-user", { email: "nonsense", name: "X" }, "admin", "a bad address"),
  post(
    "admin/create-user",
    { email: "n@example.com", name: "X", role: ["user", "moderator"], data: { bio: "Hi" } },
    "admin",
    "two roles",
  ),
  post("admin/update-user", { userId: "bob", data: {} }, "admin", "no data"),
  post("admin/update-user", { userId: "bob", data: { id: "x" } }, "admin", "an id"),
  post("admin/update-user", { userId: "bob", data: { password: "long enough" } }, "admin", "a password"),
  post("admin/update-user", { userId: "bob", data: { role: 5 } }, "admin", "a bad role"),
  post("admin/update-user", { userId: "bob", data: { banned: true } }, "admin", "a ban"),
  post("admin/update-user", { userId: "bob", data: { email: "ada@example.com" } }, "admin", "a taken address"),
  post(
    "admin/update-user",
    { userId: "bob", data: { email: "Robert@Example.com", emailVerified: false } },
    "admin",
    "an address",
  ),
  post("admin/set-role", { userId: "bob", role: ["user", "admin"] }, "admin", "two roles"),
  post("admin/ban-user", { userId: "bob" }, "admin", "for ever"),
  post("admin/set-user-password", { userId: "bob", newPassword: "short" }, "admin", "too short"),
  post("admin/set-user-password", { userId: "bob", newPassword: "x".repeat(129) }, "admin", "too long"),
  post("admin/has-permission", { permission: { user: ["ban"] } }, "admin", "the old form"),
  post("admin/has-permission", { permissions: { user: ["ban"] } }, "ada", "not allowed"),
  get("api-key/get?id=orphaned-key", "ada", "another's"),
  get("api-key/get?id=none", "ada", "unknown"),
  get("api-key/get", "ada", "no id"),
  ...["limit=2", "limit=2&offset=1&sortBy=name", "sortBy=createdAt&sortDirection=desc", "limit=-1", "limit=x"].map(
    (query) => get(`api-key/list?${query}`, "ada", "query"),
  ),
  ...[
    {},
    { name: "x".repeat(33) },
    { name: "" },
    { prefix: "a b" },
    { prefix: "x".repeat(33) },
    { expiresIn: 60 },
    { expiresIn: 40_000_000 },
    { expiresIn: 0 },
    { metadata: "text" },
    { userId: "bob" },
    { remaining: 5 },
    { refillAmount: 1, refillInterval: 1 },
    { rateLimitMax: 5 },
    { rateLimitEnabled: false },
    { permissions: { api: ["read"] } },
  ].map((body) => post("api-key/create", body, "ada", JSON.stringify(body).slice(0, 60))),
  ...[
    {},
    { name: "x".repeat(33) },
    { expiresIn: null },
    { expiresIn: 60 },
    { enabled: true },
    { metadata: null },
    { remaining: 5 },
    { permissions: {} },
    { userId: "bob", name: "x" },
    { userId: "ada", name: "x" },
  ].map((body) => post("api-key/update", { keyId: "usable-key", ...body }, "ada", JSON.stringify(body).slice(0, 60))),
  post("api-key/update", { keyId: "none", name: "x" }, "ada", "unknown"),
  post("api-key/delete", { keyId: "none" }, "ada", "unknown"),
  post("api-key/delete", { keyId: "usable-key" }, "bob", "another's"),
  { ...get("get-session", "ada", "a key beside a cookie"), headers: { "x-api-key": keys.usable } },
];

const named = (request) => ({
  ...request,
  name: `${request.method} ${request.path.replace("/api/auth", "")} by ${request.caller}${request.note ? `, ${request.note}` : ""}`,
});

export const requests = [byEverybody, byBrokenKeys, wrongFields, wrongBodies, origins, methods, addresses, special]
  .flat()
  .map(named);
