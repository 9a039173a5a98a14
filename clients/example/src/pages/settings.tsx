import { deleteProfileMutation } from "@codecave/api/query";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";

import { auth } from "../api";
import { Failure } from "../parts/failure";
import { Title } from "../parts/title";
import { Accounts } from "./settings-accounts";
import { ApiKeys } from "./settings-keys";
import { ProfileSettings } from "./settings-profile";

export function Settings() {
  return (
    <>
      <Title>Settings</Title>
      <ProfileSettings />
      <Accounts />
      <ApiKeys />
      <DeleteAccount />
    </>
  );
}

function DeleteAccount() {
  const [isSure, setSure] = useState(false);
  const { refetch } = auth.useSession();
  const [, navigate] = useLocation();
  const remove = useMutation({
    ...deleteProfileMutation(),
    onSuccess: async () => {
      await refetch();
      navigate("/");
    },
  });
  return (
    <section aria-labelledby="delete">
      <h2 id="delete">Delete the account</h2>
      <p>Your projects, comments, likes and files are deleted with it. This cannot be undone.</p>
      <label>
        <input type="checkbox" checked={isSure} onChange={({ target }) => setSure(target.checked)} /> Delete everything
      </label>
      <p>
        <button disabled={!isSure || remove.isPending} onClick={() => remove.mutate({})}>
          Delete the account
        </button>
      </p>
      <Failure error={remove.error} />
    </section>
  );
}
