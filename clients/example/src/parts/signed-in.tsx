import type { ReactNode } from "react";
import { Link } from "wouter";

import { auth, useMe } from "../api";
import { Title } from "./title";

type Me = NonNullable<ReturnType<typeof useMe>>;

/** A page for people who are signed in. Others learn how to sign in. */
export function SignedIn({ children }: { children: (me: Me) => ReactNode }) {
  const me = useMe();
  const { isPending } = auth.useSession();
  if (isPending) {
    return <p role="status">Loading …</p>;
  }
  if (me) {
    return children(me);
  }
  return (
    <>
      <Title>Sign in first</Title>
      <p>
        This page is for people with an account. <Link href="/sign-in">Sign in</Link>
      </p>
    </>
  );
}
