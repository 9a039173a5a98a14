import { Link } from "wouter";

interface Problem {
  status: number;
  code: string | null;
  messages: string[];
  requestId: string | null;
  retryAfter: number | null;
}

/** What went wrong, and what helps. */
export function Failure({ error }: { error: Problem | null }) {
  return <div role="alert">{error && <p className="failure">{advice(error)}</p>}</div>;
}

function advice({ code, messages, requestId, retryAfter, status }: Problem) {
  if (code === "SESSION_NOT_FRESH") {
    return (
      <>
        Your sign-in is more than a day old. <Link href="/sign-in">Sign in</Link> again to do this.
      </>
    );
  }
  switch (status) {
    case 0:
      return "CodeCave cannot be reached. Check your connection and try again.";
    case 401:
      return (
        <>
          <Link href="/sign-in">Sign in</Link> to do this.
        </>
      );
    case 429:
    case 503:
      return `CodeCave is busy. Try again in ${retryAfter ?? 1} seconds.`;
    case 500:
      return `Something is broken at CodeCave. Report it with the number ${requestId}.`;
    default:
      return messages.join(". ");
  }
}
