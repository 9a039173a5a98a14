import { apiKeyClient } from "@better-auth/api-key/client";
import { createAuthClient } from "better-auth/client";
import { adminClient } from "better-auth/client/plugins";

import { admin, type AuthSettings, options } from "./auth-options.js";

export type { AuthSettings } from "./auth-options.js";
export type Auth = ReturnType<typeof createAuth>;

/** Creates the client of Better Auth for sign-in, sessions, accounts, API keys and administration. */
export function createAuth(settings: AuthSettings) {
  return createAuthClient({ ...options(settings), plugins: [adminClient(admin), apiKeyClient()] });
}
