// Every difference between the Node server and the functions that is meant, with its reason. An entry that no request needs
// fails the proof. `Comparison` describes the entries.

import { authDifferences } from "./differences_auth.js";

const missing = "(missing)";
const quoted = (text) => JSON.stringify(text);

const header = (name, value, reason, more) => ({
  path: `headers.${name}`,
  node: missing,
  functions: quoted(value),
  reason,
  ...more,
});

const helmet = "security headers, which the Node server does not set";

const securityHeaders = Object.entries({
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "x-download-options": "noopen",
  "x-frame-options": "SAMEORIGIN",
  "x-permitted-cross-domain-policies": "none",
  "x-xss-protection": "0",
}).map(([name, value]) => header(name, value, helmet));

const headers = [
  ...securityHeaders,
  header("content-security-policy", "default-src 'none'; frame-ancestors 'none'", helmet),
  header(
    "content-security-policy",
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "the error page has its own styles",
    {
      request: /GET \/error/,
    },
  ),
  {
    path: "headers.x-request-id",
    node: missing,
    functions: /^"<uuid of .*headers.x-request-id>"$/,
    reason: "every answer names its request",
  },
  {
    path: "headers.vary",
    node: quoted("Origin"),
    functions: quoted("Origin, Cookie, Authorization, X-Api-Key, Accept-Encoding"),
    reason: "caches must keep callers apart",
  },
  header(
    "access-control-expose-headers",
    "Link, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Idempotent-Replayed",
    "a page of the frontend may read these headers",
  ),
  {
    path: /^headers\.access-control-allow-(origin|credentials)$/,
    node: /^"(true|http:\/\/localhost:3000)"$/,
    functions: missing,
    request: /\(callback\)$|origin$|a referrer$/,
    reason: "CORS headers answer a trusted origin only",
  },
];

const route = /^(GET|PUT|POST|DELETE) \/(users|projects|health|no-such-route)?(\/| )|profile|routes/;

const applicationHeaders = [
  { request: route, path: "headers.cache-control", node: missing, reason: "every answer has a cache policy" },
  { request: route, path: "headers.etag", node: missing, functions: /^"W\/\\"/, reason: "a read can be conditional" },
  {
    request: route,
    path: /^headers\.ratelimit(-policy)?$/,
    node: missing,
    functions: /^"\\"(anon|read|write)\\"/,
    reason: "rate limits are announced",
  },
  {
    request: route,
    path: "headers.www-authenticate",
    node: missing,
    functions: quoted("Bearer"),
    reason: "a 401 names the scheme of the credential",
  },
  {
    request: /^POST \/projects/,
    path: "headers.location",
    node: missing,
    functions: /^"\/(projects|comments)\/</,
    reason: "a creation names its resource",
  },
];

const profile = /(^(GET|PUT) \/users\/profile)|profile/;

const application = [
  {
    request: profile,
    path: /^body\.user\.(avatar|bio|company|followersCount|followingCount|githubUsername|isActive|isPro|location|privateProjectsCount|projectsCount|provider|providerId|skills|website)$/,
    node: missing,
    reason: "the profile has every column that its owner may see",
  },
  {
    request: profile,
    path: /^body\.user\.(banned|banReason|banExpires)$/,
    functions: missing,
    reason: "a banned user has no profile to read, so the three columns are left out",
  },
  {
    request: /^PUT \/users\/profile/,
    path: /^body\.(privateProjectsCount|role)$/,
    node: missing,
    reason: "the answer is the whole profile, with two computed fields",
  },
  {
    request: /^GET \/users by/,
    path: /^body\.\d+(\.|$)/,
    reason: "a list of users has public columns only: no address, no account data. It adds the relation to the caller",
  },
  {
    request: /^(GET|POST|PUT) \/projects/,
    path: /^body\.(author|commentCount|files|isLiked|isEdited)(\.|$)/,
    node: missing,
    reason: "a project has its author, its files and the caller's like, and a comment has its author",
  },
  {
    request: /^(POST \/projects|DELETE \/projects|PUT \/users\/bob\/follow|PUT \/projects\/.*\/like)/,
    path: /^rows\.update (user|projects)\.(\w|-)+(\.updatedAt)?$/,
    node: /T0min/,
    functions: missing,
    reason: "Prisma sets `updatedAt` with every counter. The functions set it when the owner changes the row",
  },
  {
    request: /by expired$/,
    path: "rows.delete session.ada-expired",
    functions: missing,
    reason: "the application's routes leave expired sessions to the sweep",
  },
  {
    request: /by disabled key|no profile|unknown to routes/,
    path: "body.message",
    node: /^"(API Key is disabled|Invalid API key\.)"$/,
    functions: quoted("Unauthorized"),
    reason: "a rejected credential gets no reason",
  },
  { request: /^GET \/projects\/ada-open by/, status: [401, 200], reason: "public projects are public" },
  {
    request: /^GET \/no-such-route by key/,
    path: "rows.update apikey.usable-key",
    functions: missing,
    reason: "a path without a route does not count as a use of the key",
  },
  { request: /^GET \/no-such-route by/, status: [401, 404], reason: "a path without a route is not protected" },
  { request: /^DELETE \/projects\/ada-open by admin/, status: [403, 204], reason: "admins may delete public projects" },
];

export const differences = [...headers, ...applicationHeaders, ...authDifferences, ...application];
