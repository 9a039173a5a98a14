// Differences of Better Auth's endpoints.

const missing = "(missing)";

const keys = [
  {
    request: /^(GET|POST) \/(?!session ).* by (key|reading key|limited key)\b/,
    status: [undefined, 403],
    body: /"(API keys cannot be used here|Session is not fresh)"/,
    reason: "an API key has the read access of its owner, and cannot change sessions, accounts or keys",
  },
  {
    path: /^body\.session\.impersonatedBy$/,
    node: missing,
    functions: "null",
    reason: "a key's session has every field of a session",
  },
  {
    path: "body.session.expiresAt",
    node: '"T10min"',
    functions: '"T10080min"',
    reason:
      "a key without an end has a session of seven days; Better Auth takes seven days in seconds for milliseconds",
  },
  {
    request: /^POST \/api-key\/update by ada, \{"metadata":null\}$/,
    path: "rows.update apikey.usable-key",
    node: '{"metadata":"null"}',
    functions: missing,
    reason: "missing metadata is stored as null instead of the text `null`. Both servers read both",
  },
  {
    path: /^rows\.(insert|update|delete) apikey\..*metadata$/,
    node: '"null"',
    functions: /^(null|\(missing\))$/,
    reason: "missing metadata is stored as null instead of the text `null`. Both servers read both",
  },
  {
    request: /^POST \/api-key\/create by ada, metadata is an empty text/,
    status: [200, 400],
    body: /INVALID_METADATA_TYPE/,
    reason: "metadata must be an object",
  },
];

const session = [
  {
    request: /^(GET|POST|DELETE) \/session /,
    status: [404, undefined],
    reason: "only the functions have this route, which the application's guide names",
  },
  {
    request: /^POST \/revoke-other-sessions/,
    path: /^rows\.delete session\.ada-expired$/,
    node: missing,
    reason: "the functions delete the other sessions that have expired, too",
  },
  {
    path: "rows.delete verification.v1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    functions: missing,
    reason: "the functions leave expired states to the sweep",
  },
];

const signIn = [
  {
    path: /^rows\.insert verification\.new 1\.value\.json\.link\.(sessionId|encryptedSessionToken)$/,
    reason: "each server stores the session of a link in its own form. The state expires after ten minutes",
  },
  {
    path: /^rows\.delete verification\..*\.value\.json\.link\.(sessionId|encryptedSessionToken)$/,
    reason: "each server stores the session of a link in its own form. The state expires after ten minutes",
  },
  {
    request: /(error|newUser)CallbackURL is an empty text/,
    path: /^rows\.insert verification\.new 1\.value\.json\.(errorURL|newUserURL)$/,
    node: '""',
    functions: missing,
    reason: "an empty address counts as missing",
  },
  {
    path: /^rows\.(insert|delete) user\..*\.(avatar|bio|company|githubUsername|location|provider|providerId|website)$/,
    reason:
      "the first sign-in fills the application's columns from the provider's profile, as the application's guide means to",
  },
  {
    path: /^rows\.update user\.(mod|lapsed\.githubUsername)$/,
    node: missing,
    functions: /"(MOD|lapsed)"/,
    reason: "a sign-in with GitHub renews the user name there",
  },
  {
    request: /^GET \/error/,
    path: "body",
    node: /^"<!DOCTYPE html>/,
    functions: /^"<!doctype html>/,
    reason: "the page looks different, and shows the same code and description",
  },
];

const cookies = [
  {
    request: /^POST \/update-user by due/,
    path: "cookies.1",
    functions: missing,
    reason: "Better Auth sets one cookie twice, for the longer session and for the new name",
  },
];

const validation = [
  {
    request: /^POST \/update-user by ada, (name|image)/,
    status: [undefined, 400],
    body: /VALIDATION_ERROR/,
    reason: "a name must not be empty, and an image must be a URL. Better Auth stores any value, or fails with 500",
  },
  {
    request: /^POST \/admin\/create-user by admin, name is an empty text/,
    status: [200, 400],
    body: /VALIDATION_ERROR/,
    reason: "a name must not be empty",
  },
  {
    request: /is a list$|no body$|a list$/,
    path: "body.message",
    node: /; /,
    reason: "a value of the wrong type is reported once. Clients use status and code",
  },
  {
    request: /^POST \/(get-access-token|refresh-token) by ada, an unknown field/,
    path: "body.message",
    node: /Unrecognized key/,
    functions: /Invalid input/,
    reason:
      "the functions accept both selectors of an account, so the message names no field. Clients use status and code",
  },
  {
    request: /^POST \/sign-(in|up)\/email by ada, a form/,
    status: [400, 415],
    body: /UNSUPPORTED_MEDIA_TYPE/,
    reason: "the functions accept JSON only",
  },
  {
    request: /^POST \/delete-user by ada, no body/,
    status: [400, 404],
    reason: "a missing body counts as an empty object",
  },
];

const cacheHeaders = [
  {
    request: /get-session.* by (.* )?key|its session/,
    path: "headers.pragma",
    node: missing,
    functions: '"no-cache"',
    reason: "no cache may store a session",
  },
  {
    request: /\/api-key\/|an API key: |by .*key$|a key beside a cookie$/,
    path: "headers.cache-control",
    node: missing,
    functions: '"no-store"',
    reason: "no cache may store keys",
  },
];

export const authDifferences = [...keys, ...session, ...signIn, ...cookies, ...validation, ...cacheHeaders];
