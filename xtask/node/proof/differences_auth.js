// Differences of Better Auth's endpoints.

const missing = "(missing)";

const keys = [
  {
    request: /^(GET|POST) \/(?!session ).* by (key|reading key|limited key)\b/,
    status: [undefined, 403],
    body: /"(API keys cannot be used here|Session is not fresh)"/,
    reason: "an API key reads what its owner may, and changes neither sessions nor accounts nor keys",
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
    reason: "no metadata is null, and not the text `null`; both servers read both",
  },
  {
    path: /^rows\.(insert|update|delete) apikey\..*metadata$/,
    node: '"null"',
    functions: /^(null|\(missing\))$/,
    reason: "no metadata is null, and not the text `null`; both servers read both",
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
    reason: "the functions have the route that the application's guide names",
  },
  {
    request: /^POST \/revoke-other-sessions/,
    path: /^rows\.delete session\.ada-expired$/,
    node: missing,
    reason: "the other sessions are all of them, also those that have expired",
  },
  {
    path: "rows.delete verification.v1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    functions: missing,
    reason: "a request sweeps nothing: expired states are removed by the sweep",
  },
];

const signIn = [
  {
    path: /^rows\.insert verification\.new 1\.value\.json\.link\.(sessionId|encryptedSessionToken)$/,
    reason: "the state of a link names its session in a form of the server's own; it lives ten minutes",
  },
  {
    path: /^rows\.delete verification\..*\.value\.json\.link\.(sessionId|encryptedSessionToken)$/,
    reason: "the state of a link names its session in a form of the server's own; it lives ten minutes",
  },
  {
    request: /(error|newUser)CallbackURL is an empty text/,
    path: /^rows\.insert verification\.new 1\.value\.json\.(errorURL|newUserURL)$/,
    node: '""',
    functions: missing,
    reason: "an empty address is no address",
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
    reason: "a name is a text that is not empty, an image an address; Better Auth stores anything or fails with 500",
  },
  {
    request: /^POST \/admin\/create-user by admin, name is an empty text/,
    status: [200, 400],
    body: /VALIDATION_ERROR/,
    reason: "a name is not empty",
  },
  {
    request: /is a list$|no body$|a list$/,
    path: "body.message",
    node: /; /,
    reason: "a value of the wrong type breaks one rule; clients use status and code",
  },
  {
    request: /^POST \/(get-access-token|refresh-token) by ada, an unknown field/,
    path: "body.message",
    node: /Unrecognized key/,
    functions: /Invalid input/,
    reason: "both forms of naming an account are known, and the message is for neither; clients use status and code",
  },
  {
    request: /^POST \/sign-(in|up)\/email by ada, a form/,
    status: [400, 415],
    body: /UNSUPPORTED_MEDIA_TYPE/,
    reason: "bodies are JSON",
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
    reason: "a session is stored by no cache, whatever its credential",
  },
  {
    request: /\/api-key\/|an API key: |by .*key$|a key beside a cookie$/,
    path: "headers.cache-control",
    node: missing,
    functions: '"no-store"',
    reason: "no cache may keep keys",
  },
];

export const authDifferences = [...keys, ...session, ...signIn, ...cookies, ...validation, ...cacheHeaders];
