// Settings from the runner of the tests, and values that both servers share.

const env = process.env;

/** Address of the database that is cloned: made by Prisma, then migrated. */
export const templateUrl = env.TEMPLATE_URL;

/** Address of the stand-in for GitHub and Google. */
export const providerUrl = env.PROVIDER_URL;

/** Variables that make the functions use the stand-in. */
export const providerSettings = JSON.parse(env.PROVIDER_SETTINGS ?? "{}");

/** Paths of the functions' programs. */
export const functions = JSON.parse(env.FUNCTIONS ?? "{}");

/** The public address of the API, which no server listens on: the tests' client sends its requests elsewhere. */
export const api = "http://localhost:3001";

/** Origin of the frontend. */
export const site = "http://localhost:3000";

export const secret = "reference-secret-for-tests-0123456789abcdef";
