import { useSearchParams } from "wouter";

/** The services whose accounts people sign in with. */
export const providers = [
  { id: "github", name: "GitHub" },
  { id: "google", name: "Google" },
] as const;

export type ProviderId = (typeof providers)[number]["id"];

/** Reasons of a failed sign-in or link, by the code that the provider or the API puts into the address. */
const reasons = new Map(Object.entries({
  access_denied: "You did not allow the access. Nothing has changed.",
  account_already_linked_to_different_user: "That account belongs to somebody else here.",
  account_not_linked: "There is an account with your address. Sign in as you did before, and link the other one in the settings.",
  BANNED_USER: "This account is banned.",
  email_does_not_match: "That account has another address than you have here.",
  state_mismatch: "The sign-in took too long, or went on in another browser. Try again.",
  unable_to_link_account: "The account was not linked. Its address must be verified, and you must stay signed in.",
}));

/** Shows the reason of a failure. `problem` is the error of a sign-in that did not start. */
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
