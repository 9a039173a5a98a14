import { listAccountsOptions, unlinkAccountMutation } from "@codecave/api/query";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { auth } from "../api";
import { Failure } from "../parts/failure";
import { ProviderFailure, type ProviderId, providers } from "../parts/provider";

/** The accounts at GitHub and Google that one can sign in with. */
export function Accounts() {
  const { data: accounts, error } = useQuery(listAccountsOptions());
  const unlink = useMutation(unlinkAccountMutation());
  const [problem, setProblem] = useState<string>();
  const link = async (provider: ProviderId) => {
    const here = `${location.origin}/settings`;
    const failed = await auth.linkSocial({ provider, callbackURL: here, errorCallbackURL: here });
    setProblem(failed.error ? (failed.error.message ?? failed.error.statusText) : undefined);
  };
  const nameOf = (providerId: string) => providers.find(({ id }) => id === providerId)?.name ?? providerId;
  return (
    <section aria-labelledby="accounts">
      <h2 id="accounts">Accounts to sign in with</h2>
      <ul aria-label="Accounts to sign in with">
        {accounts?.map(({ createdAt, id, providerId }) => (
          <li key={id}>
            {nameOf(providerId)}, since {new Date(createdAt).toLocaleDateString("en")}{" "}
            {accounts.length > 1 && (
              <button
                aria-label={`Unlink ${nameOf(providerId)}`}
                disabled={unlink.isPending}
                onClick={() => unlink.mutate({ body: { accountId: id } })}
              >
                Unlink
              </button>
            )}
          </li>
        ))}
      </ul>
      {accounts?.length === 1 && <p>The last account cannot be unlinked.</p>}
      <p>
        {providers
          .filter(({ id }) => accounts?.every(({ providerId }) => providerId !== id))
          .map(({ id, name }) => (
            <button key={id} onClick={() => link(id)}>
              Link {name}
            </button>
          ))}
      </p>
      <p role="status">{unlink.isSuccess && "The account is unlinked."}</p>
      <ProviderFailure problem={problem} />
      <Failure error={error ?? unlink.error} />
    </section>
  );
}
