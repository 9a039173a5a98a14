// Requests, paging and uploads. TanStack Query is in `@codecave/api/query`, sign-in in `@codecave/api/auth`.

export { configure, createApi, type Settings } from "./configure.js";
export { ApiError } from "./errors.js";
export type { Client } from "./generated/client/index.js";
export { client } from "./generated/client.gen.js";
export * from "./generated/sdk.gen.js";
export type * from "./generated/types.gen.js";
export { items, nextCursor, pages, type PageParameters } from "./pages.js";
export type { RetrySettings } from "./retry.js";
export { type UploadOptions, uploadFile } from "./upload.js";
