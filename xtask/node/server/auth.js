// Better Auth as the application configures it, with the plugins whose tables the functions use.

import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { admin } from "better-auth/plugins";
import pg from "pg";

import "./providers.js";

const env = process.env;

/** Origins that may send cookies. */
export const origins = [
  "http://localhost:3000",
  "http://localhost:3001",
  "https://codecave.tech",
  "https://www.codecave.tech",
  "https://app.codecave.tech",
  "https://api.codecave.tech",
];

export const auth = betterAuth({
  database: new pg.Pool({ connectionString: env.DATABASE_URL, max: 5 }),
  baseURL: env.BETTER_AUTH_URL,
  secret: env.BETTER_AUTH_SECRET,
  trustedOrigins: origins,
  emailAndPassword: { enabled: false },
  socialProviders: {
    github: { clientId: env.GITHUB_CLIENT_ID, clientSecret: env.GITHUB_CLIENT_SECRET },
    google: { clientId: env.GOOGLE_CLIENT_ID, clientSecret: env.GOOGLE_CLIENT_SECRET },
  },
  plugins: [
    admin(),
    apiKey({
      defaultPrefix: "cc_",
      enableMetadata: true,
      enableSessionForAPIKeys: true,
      rateLimit: { enabled: true, maxRequests: 600, timeWindow: 60_000 },
    }),
  ],
  logger: { level: "error" },
  telemetry: { enabled: false },
});
