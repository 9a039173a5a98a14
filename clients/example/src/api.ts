import { configure } from "@codecave/api";
import { createAuth } from "@codecave/api/auth/react";
import { createQueryClient } from "@codecave/api/query";

const baseUrl = String(import.meta.env["VITE_API_URL"] ?? "http://localhost:3001");

configure({ baseUrl });
export const auth = createAuth({ baseUrl });
export const queries = createQueryClient({ auth });

/** The signed-in person. Undefined if there is none, and while that is not known. */
export function useMe() {
  return auth.useSession().data?.user;
}
