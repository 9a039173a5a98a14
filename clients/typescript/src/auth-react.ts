import { apiKeyClient } from "@better-auth/api-key/client";
import { adminClient } from "better-auth/client/plugins";
import { createAuthClient } from "better-auth/react";

import { admin, type AuthSettings, options } from "./auth-options.js";

export type { AuthSettings } from "./auth-options.js";
export type Auth = ReturnType<typeof createAuth>;

/** Creates the client of Better Auth, like `@codecave/api/auth`, with hooks such as `useSession`. */
export function createAuth(settings: AuthSettings) {
  return createAuthClient({ ...options(settings), plugins: [adminClient(admin), apiKeyClient()] });
}
