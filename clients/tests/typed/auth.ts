// What the types of the Better Auth client know of this API. It is compiled only.

import type { Auth } from "@codecave/api/auth";

/** Names a moderator and creates an API key. Returns the key. */
export async function manage(auth: Auth, userId: string): Promise<string | undefined> {
  await auth.admin.setRole({ userId, role: "moderator" });
  // @ts-expect-error
  await auth.admin.setRole({ userId, role: "king" });

  const session = await auth.getSession();
  // @ts-expect-error
  session.data?.user.name.toFixed();
  const { data } = await auth.apiKey.create({ name: session.data?.user.email ?? "key" });
  return data?.key;
}
