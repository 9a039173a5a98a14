// The cached responses that a mutation makes stale.

import { operations } from "./document.js";

const projectLists = { listProjects: [], listFeed: [] };
const counts = { getProfile: [], getUser: [], getUserByGithub: [], getStats: [] };
const notices = { listNotifications: [], countNotifications: [] };
const followed = {
  ...projectLists,
  getProfile: [],
  getUser: [],
  getUserByGithub: [],
  listUsers: [],
  listFollowers: [],
  listFollowing: [],
  getProject: [],
  listLikes: [],
  listComments: [],
  getComment: [],
  listNotifications: [],
};
const liked = { ...projectLists, getProject: ["projectId"], listLikes: ["projectId"], getStats: [] };
const files = { getUpload: ["uploadId"], getProject: [], listProjectFiles: [] };
const keys = { listApiKeys: [], getApiKey: [] };
const sessions = { listSessions: [] };
const accounts = { listAccounts: [], getProfile: [] };
const people = { adminListUsers: [], adminGetUser: [], adminListUserSessions: [] };
const everything = "*";

/**
 * For each mutation, the queries that it makes stale, or `*` for all. The list of a query names the parameters of the path
 * in which it agrees with the mutation. An empty list stands for the query with any parameters.
 */
const table = {
  createProject: { ...projectLists, ...counts, listProjectFacets: [], getContributions: [] },
  updateProject: {
    ...projectLists,
    ...counts,
    getProject: ["projectId"],
    listProjectFacets: [],
    getContributions: [],
    listNotifications: [],
  },
  deleteProject: {
    ...projectLists,
    ...counts,
    ...notices,
    getProject: ["projectId"],
    listComments: ["projectId"],
    listLikes: ["projectId"],
    listProjectFiles: ["projectId"],
    listProjectFacets: [],
    getContributions: [],
  },
  // A page that counts its view need not load again to show it.
  viewProject: {},
  likeProject: liked,
  unlikeProject: liked,
  createComment: {
    ...projectLists,
    getProject: ["projectId"],
    listComments: ["projectId"],
    getContributions: [],
    getStats: [],
  },
  updateComment: { getComment: ["commentId"], listComments: [], listNotifications: [] },
  deleteComment: {
    ...projectLists,
    ...notices,
    getComment: ["commentId"],
    getProject: [],
    listComments: [],
    getContributions: [],
    getStats: [],
  },
  followUser: followed,
  unfollowUser: followed,
  readNotifications: notices,
  // Until it is complete, only its owner sees an upload.
  createUpload: {},
  completeUpload: files,
  deleteUpload: { ...files, getProfile: [], getUser: [], getUserByGithub: [] },
  // A name or a picture is part of most responses.
  updateProfile: everything,
  deleteProfile: everything,
  updateUser: everything,
  signOut: everything,
  adminImpersonateUser: everything,
  stopImpersonating: everything,
  createApiKey: keys,
  updateApiKey: keys,
  deleteApiKey: keys,
  revokeSession: sessions,
  revokeSessions: sessions,
  revokeOtherSessions: sessions,
  updateSession: sessions,
  linkAccount: accounts,
  unlinkAccount: accounts,
  adminBanUser: everything,
  adminUnbanUser: everything,
  adminRemoveUser: everything,
  adminUpdateUser: everything,
  adminSetRole: people,
  adminCreateUser: people,
  adminSetUserPassword: people,
  adminRevokeUserSession: people,
  adminRevokeUserSessions: people,
  // These change nothing that a query reads.
  adminListUserSessions: {},
  hasPermission: {},
  signInSocial: {},
  forwardSignIn: {},
  getAccessToken: {},
  refreshToken: {},
  // These respond with an error: sign-in is by GitHub and Google only.
  postSession: {},
  signInEmail: {},
  signUpEmail: {},
  changeEmail: {},
  changePassword: {},
  deleteUser: {},
  requestPasswordReset: {},
  resetPassword: {},
  sendVerificationEmail: {},
  setPassword: {},
  verifyPassword: {},
};

/** Returns the queries that the mutation makes stale, and whether it deletes what its path names. */
export function consequences(operationId, document) {
  const stale = table[operationId];
  if (!stale) {
    throw new Error(`generate/invalidations.js does not say what ${operationId} makes stale`);
  }
  const known = new Map(operations(document).map((operation) => [operation.operationId, operation]));
  for (const [query, names] of stale === everything ? [] : Object.entries(stale)) {
    for (const id of [operationId, query]) {
      const path = known.get(id)?.path;
      const missing = names.filter((name) => !path?.includes(`{${name}}`));
      if (!path || missing.length) {
        throw new Error(`generate/invalidations.js: ${id} has no ${missing.join() || "operation"}`);
      }
    }
  }
  return { invalidates: stale, ...(operationId.startsWith("delete") && { deletes: true }) };
}
