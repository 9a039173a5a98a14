import { useState } from "react";

import { auth, useMe } from "../api";
import { ProviderFailure, type ProviderId, providers } from "../parts/provider";
import { Title } from "../parts/title";

export function SignIn() {
  const me = useMe();
  const [problem, setProblem] = useState<string>();
  const signIn = async (provider: ProviderId) => {
    const { error } = await auth.signIn.social({
      provider,
      callbackURL: `${location.origin}/`,
      errorCallbackURL: `${location.origin}/sign-in`,
    });
    setProblem(error ? (error.message ?? error.statusText) : undefined);
  };
  return (
    <>
      <Title>Sign in</Title>
      <ProviderFailure problem={problem} />
      {me && <p>You are signed in as {me.name}.</p>}
      <p>
        {providers.map(({ id, name }) => (
          <span key={id}>
            <button onClick={() => signIn(id)}>Sign in with {name}</button>{" "}
          </span>
        ))}
      </p>
    </>
  );
}
