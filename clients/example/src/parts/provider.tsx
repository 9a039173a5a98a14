import { useSearchParams } from "wouter";

/** Where people have the accounts that they sign in with. */
export const providers = [
  { id: "github", name: "GitHub" },
  { id: "google", name: "Google" },
] as const;

export type ProviderId = (typeof providers)[number]["id"];

/** Why a sign-in, or the link of an account, failed. The provider or the API puts the code into the address. */
const reasons = new Map(Object.entries({
  access_denied: "You did not allow the access. Nothing has changed.",
  account_already_linked_to_different_user: "That account belongs to somebody else here.",
  account_not_linked: "There is an account with your address. Sign in as you did before, and link the other one in the settings.",
  BANNED_USER: "This account is banned.",
  email_does_not_match: "That account has another address than you have here.",
  state_mismatch: "The sign-in took too long, or went on in another browser. Try again.",
  unable_to_link_account: "The account was not linked. Its address must be verified, and you must stay signed in.",
}));

/** Shows why it failed. `problem` is what kept it from starting. */
export function ProviderFailure({ problem }: { problem: string | undefined }) {
  const [parameters] = useSearchParams();
  const code = parameters.get("error");
  return (
    <div role="alert">
      {code && <p className="failure">{reasons.get(code) ?? `The sign-in at the provider failed (${code}). Try again.`}</p>}
      {problem && <p className="failure">The sign-in cannot start: {problem}</p>}
    </div>
  );
}
