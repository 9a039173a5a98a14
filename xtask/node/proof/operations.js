// Every operation of Better Auth with its plugins: a request that its caller may send, and the fields of its body.

const get = (path, caller = "ada") => ({ method: "GET", path: `/api/auth/${path}`, caller });
const post = (path, body, caller = "ada") => ({ method: "POST", path: `/api/auth/${path}`, body, caller });

// Lists without an order of their own.
const list = (body) => (Array.isArray(body) ? body : undefined);

const flow = {
  provider: "github",
  callbackURL: "/home",
  errorCallbackURL: "/oops",
  newUserCallbackURL: "http://localhost:3000/welcome",
  disableRedirect: false,
  scopes: ["gist"],
  loginHint: "ada",
  requestSignUp: true,
  additionalData: { plan: "pro" },
};

const pages = [
  get("ok"),
  get("error"),
  get("error?error=access_denied&error_description=a+%3Cb%3E"),
  get("session"),
  get("no-such-page"),
];

const sessions = [
  get("get-session"),
  get("get-session?disableRefresh=true"),
  post("get-session", {}),
  { ...get("list-sessions"), unordered: list },
  post("revoke-session", { token: "ada-other" }),
  post("revoke-sessions", {}),
  post("revoke-other-sessions", {}),
  post("sign-out", {}),
];

const users = [
  post("update-user", { name: "Ada L.", image: "https://example.com/new.png" }),
  post("update-session", { theme: "dark" }),
  post("delete-user", {}),
];

const signIn = [post("sign-in/social", flow), post("link-social", flow)];

const accounts = [
  get("list-accounts"),
  get("account-info?accountId=ada-github"),
  get("account-info?accountId=bob-github"),
  post("unlink-account", { accountId: "ada-google" }),
  post("get-access-token", { accountId: "ada-github" }),
  post("refresh-token", { accountId: "ada-google" }),
];

const off = [
  post("sign-in/email", { email: "ada@example.com", password: "long enough" }),
  post("sign-up/email", { email: "new@example.com", password: "long enough", name: "New" }),
  post("request-password-reset", { email: "ada@example.com" }),
  post("send-verification-email", { email: "ada@example.com" }),
  post("change-email", { newEmail: "new@example.com" }),
  post("change-password", { currentPassword: "long enough", newPassword: "longer still" }),
];

const administration = [
  get("admin/list-users?sortBy=id", "admin"),
  get("admin/get-user?id=bob", "admin"),
  post("admin/create-user", { email: "New@Example.com", name: "New", password: "long enough", role: "user" }, "admin"),
  post("admin/update-user", { userId: "bob", data: { name: "Robert" } }, "admin"),
  post("admin/set-role", { userId: "bob", role: "moderator" }, "admin"),
  post("admin/ban-user", { userId: "bob", banReason: "Spam", banExpiresIn: 86_400 }, "admin"),
  post("admin/unban-user", { userId: "banned" }, "admin"),
  post("admin/list-user-sessions", { userId: "bob" }, "admin"),
  post("admin/revoke-user-session", { sessionToken: "bob-session" }, "admin"),
  post("admin/revoke-user-sessions", { userId: "bob" }, "admin"),
  post("admin/impersonate-user", { userId: "bob" }, "admin"),
  post("admin/stop-impersonating", {}, "admin"),
  post("admin/remove-user", { userId: "bob" }, "admin"),
  post("admin/set-user-password", { userId: "bob", newPassword: "long enough" }, "admin"),
  post("admin/has-permission", { permissions: { user: ["ban"] } }, "admin"),
];

const apiKeys = [
  { ...get("api-key/list"), unordered: (body) => list(body?.apiKeys) },
  get("api-key/get?id=usable-key"),
  post("api-key/create", { name: "CI", expiresIn: 172_800, prefix: "ci_", metadata: { team: "a" } }),
  post("api-key/update", {
    keyId: "usable-key",
    name: "Renamed",
    enabled: false,
    metadata: { team: "b" },
    expiresIn: 172_800,
  }),
  post("api-key/delete", { keyId: "usable-key" }),
  post("api-key/verify", { key: "x" }),
  post("api-key/delete-all-expired-api-keys", {}),
];

export const operations = [pages, sessions, users, signIn, accounts, off, administration, apiKeys].flat();
