import { ApiError } from "./errors.js";
import { client } from "./generated/client.gen.js";
import { type Client, createClient } from "./generated/client/index.js";
import { idempotent } from "./generated/operations.gen.js";
import { retrying, type RetrySettings } from "./retry.js";

export interface Settings {
  /** Address of the API, such as `https://api.codecave.tech`. */
  baseUrl: string;
  /** An API key, for programs. Without one, a browser sends the session cookie. */
  apiKey?: string;
  /** Replaces the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** When and how often a request is repeated. */
  retry?: RetrySettings;
}

/** Sets the address and the credential of all requests. Call it once, before the first request. */
export function configure(settings: Settings): Client {
  return setUp(client, settings);
}

/** Creates a client of its own, such as one for each API key. Every request takes it as `client`. */
export function createApi(settings: Settings): Client {
  return setUp(createClient(), settings);
}

function setUp(api: Client, { apiKey, baseUrl, fetch: send = (request) => fetch(request), retry }: Settings): Client {
  api.setConfig({
    baseUrl: baseUrl.replace(/\/$/, ""),
    credentials: apiKey ? "omit" : "include",
    fetch: retrying(send, retry),
    headers: { "x-api-key": apiKey ?? null },
  });
  const { error, request } = api.interceptors;
  request.clear();
  request.use((created, { url }) => {
    if (created.method === "POST" && idempotent.includes(url) && !created.headers.has("idempotency-key")) {
      created.headers.set("idempotency-key", unique());
    }
    return created;
  });
  error.clear();
  error.use((body, response) => ApiError.from(body, response));
  return api;
}

/** `randomUUID` is missing on pages without https and in React Native. */
function unique(): string {
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}
