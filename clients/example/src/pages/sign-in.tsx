import { useState } from "react";
import { useSearchParams } from "wouter";

import { auth, useMe } from "../api";
import { Title } from "../parts/title";

const providers = { github: "GitHub", google: "Google" } as const;

/** Why a sign-in ended without a session. The provider or the API puts the code into the address. */
const reasons: Record<string, string> = {
  access_denied: "You did not allow the sign-in. Nothing has changed.",
  account_not_linked: "There is an account with your address. Sign in as you did before, and link the other one in the settings.",
  banned: "This account is banned.",
  state_mismatch: "The sign-in took too long, or went on in another browser. Try again.",
};

export function SignIn() {
  const me = useMe();
  const [parameters] = useSearchParams();
  const [failure, setFailure] = useState<string>();
  const code = parameters.get("error");
  const signIn = async (provider: "github" | "google") => {
    const { error } = await auth.signIn.social({
      provider,
      callbackURL: `${location.origin}/`,
      errorCallbackURL: `${location.origin}/sign-in`,
    });
    setFailure(error ? `The sign-in does not start: ${error.message ?? error.statusText}` : undefined);
  };
  return (
    <>
      <Title>Sign in</Title>
      <div role="alert">
        {code && <p className="failure">{reasons[code] ?? `The sign-in failed (${code}). Try again.`}</p>}
        {failure && <p className="failure">{failure}</p>}
      </div>
      {me && <p>You are signed in as {me.name}.</p>}
      <p>
        <button onClick={() => signIn("github")}>Sign in with {providers.github}</button>{" "}
        <button onClick={() => signIn("google")}>Sign in with {providers.google}</button>
      </p>
    </>
  );
}
