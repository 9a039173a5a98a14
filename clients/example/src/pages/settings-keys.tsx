import { createApiKeyMutation, deleteApiKeyMutation, listApiKeysOptions } from "@codecave/api/query";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { Failure } from "../parts/failure";
import { field } from "../parts/form";

export function ApiKeys() {
  const { data, error } = useQuery(listApiKeysOptions());
  const create = useMutation(createApiKeyMutation());
  const remove = useMutation(deleteApiKeyMutation());
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const scopes = field(form, "isReadOnly") === "on" ? ["read"] : ["read", "write"];
    create.mutate({ body: { name: field(form, "name"), metadata: { scopes } } }, { onSuccess: () => form.reset() });
  };
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">API keys</h2>
      <ul aria-label="API keys">
        {data?.apiKeys.map(({ id, name, start }) => (
          <li key={id}>
            {name} <code>{start}…</code>{" "}
            <button aria-label={`Delete the key ${name}`} onClick={() => remove.mutate({ body: { keyId: id } })}>
              Delete
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={send}>
        <label>
          Name of the key
          <input name="name" required maxLength={32} />
        </label>
        <label className="check">
          <input type="checkbox" name="isReadOnly" /> It only reads
        </label>
        <p>
          <button disabled={create.isPending}>Create a key</button>
        </p>
      </form>
      <p role="status">
        {create.data && (
          <>
            Copy the key now, it is not shown again: <code>{create.data.key}</code>
          </>
        )}
      </p>
      <Failure error={error ?? create.error ?? remove.error} />
    </section>
  );
}
