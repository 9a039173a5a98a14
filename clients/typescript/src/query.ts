// Options of TanStack Query for every operation, and a client that keeps the cache right.

import { type Mutation, MutationCache, type Query, QueryCache, QueryClient, type UseMutationOptions } from "@tanstack/react-query";

import { ApiError } from "./errors.js";
import { completeUploadMutation } from "./generated/@tanstack/react-query.gen.js";
import type { CompleteUploadError, CreateUploadError, File as StoredFile } from "./generated/types.gen.js";
import { type UploadOptions, uploadFile } from "./upload.js";

export * from "./generated/@tanstack/react-query.gen.js";
export * from "./generated/infinite.gen.js";
export type { Page } from "./infinite.js";

/** The part of the client of Better Auth that knows who is signed in. */
export interface SessionStore {
  $store: {
    notify: (signal: string) => void;
    atoms: Record<string, { subscribe: (listener: (value: unknown) => void) => unknown }>;
  };
}

/**
 * Creates a `QueryClient` that loads again what a mutation makes stale, and that repeats only what may succeed. With the
 * client of Better Auth, it forgets everything when another person signs in or out, in this tab or in another one.
 */
export function createQueryClient({ auth }: { auth?: SessionStore } = {}): QueryClient {
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: (error) => noticeSignOut(error, auth) }),
    mutationCache: new MutationCache({
      onError: async (error, variables, _result, mutation) => {
        noticeSignOut(error, auth);
        // Another request has changed what is cached.
        if (error instanceof ApiError && error.status === 409) {
          await invalidate(queries, mutation, variables);
        }
      },
      onSuccess: (_data, variables, _result, mutation) => invalidate(queries, mutation, variables),
    }),
    defaultOptions: { queries: { retry: mayRetry } },
  });
  if (auth) {
    forgetOnChange(queries, auth);
  }
  return queries;
}

/** Options of a mutation that uploads a file, and that returns it. */
export function uploadFileMutation(): UseMutationOptions<StoredFile, CreateUploadError | CompleteUploadError, UploadOptions> {
  return { mutationFn: uploadFile, meta: completeUploadMutation().meta };
}

function mayRetry(failures: number, error: unknown): boolean {
  const isTemporary = error instanceof ApiError && (error.status === 0 || error.status >= 500);
  return isTemporary && failures < 2;
}

/** Loads again what the mutation makes stale. Its options say what that is. */
async function invalidate(
  queries: QueryClient,
  mutation: Mutation<unknown, unknown, unknown, unknown>,
  variables: unknown,
): Promise<void> {
  const { deletes, invalidates } = mutation.meta ?? {};
  if (invalidates === "*") {
    return queries.invalidateQueries();
  }
  /** The parameters in which a query agrees with the mutation. Undefined if the query stays as it is. */
  const shared = ({ queryKey: [key] }: Query) => {
    const names = value(invalidates, value(key, "_id"));
    const isStale = Array.isArray(names) && names.every((name) => [undefined, of(key, name)].includes(of(variables, name)));
    return isStale ? names.length : undefined;
  };
  await queries.invalidateQueries({ predicate: (query) => shared(query) !== undefined, refetchType: "none" });
  await queries.refetchQueries({
    type: "active",
    // What is deleted cannot be loaded again.
    predicate: (query) => (deletes ? shared(query) === 0 : shared(query) !== undefined),
  });
}

/** The parameter of the path. */
const of = (options: unknown, name: unknown) => value(value(options, "path"), name);

function value(object: unknown, name: unknown): unknown {
  return typeof object === "object" && object !== null && typeof name === "string" ? Reflect.get(object, name) : undefined;
}

/** The session is over, so `useSession` must ask again. */
function noticeSignOut(error: unknown, auth: SessionStore | undefined): void {
  if (error instanceof ApiError && error.status === 401) {
    auth?.$store.notify("$sessionSignal");
  }
}

function forgetOnChange(queries: QueryClient, auth: SessionStore): void {
  let last: unknown;
  auth.$store.atoms.session?.subscribe((session) => {
    if (value(session, "isPending") || value(session, "error")) {
      return;
    }
    const person = value(value(value(session, "data"), "user"), "id") ?? null;
    if (last !== undefined && last !== person) {
      void queries.resetQueries();
    }
    last = person;
  });
}
