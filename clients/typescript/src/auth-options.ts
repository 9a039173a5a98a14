import { adminAc, userAc } from "better-auth/plugins/admin/access";

export interface AuthSettings {
  /** Address of the API, such as `https://api.codecave.tech`. */
  baseUrl: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
}

export const options = ({ baseUrl, fetch }: AuthSettings) => ({
  baseURL: baseUrl,
  fetchOptions: fetch ? { customFetchImpl: fetch } : {},
});

/** The roles of people. Moderators may do no more here: they delete projects and comments on the routes of these. */
export const admin = { roles: { user: userAc, moderator: userAc, admin: adminAc } };
