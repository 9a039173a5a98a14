import { countNotificationsOptions } from "@codecave/api/query";
import { onlineManager, useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useSyncExternalStore } from "react";
import { Link, useLocation, useSearchParams } from "wouter";

import { auth, useMe } from "./api";
import { field } from "./parts/form";

/** What surrounds every page. */
export function Layout({ children }: { children: ReactNode }) {
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header>
        <Link href="/" className="brand">
          CodeCave
        </Link>
        <Search />
        <Navigation />
      </header>
      <Connection />
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function Search() {
  const [, navigate] = useLocation();
  const [parameters] = useSearchParams();
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const q = field(event.currentTarget, "q");
    navigate(q ? `/projects?${new URLSearchParams({ q })}` : "/projects");
  };
  return (
    <search>
      <form onSubmit={search}>
        <input
          key={parameters.get("q")}
          type="search"
          name="q"
          aria-label="Search projects and people"
          placeholder="Search"
          maxLength={100}
          defaultValue={parameters.get("q") ?? ""}
        />
        <button>Search</button>
      </form>
    </search>
  );
}

function Navigation() {
  const me = useMe();
  const { isPending } = auth.useSession();
  const [, navigate] = useLocation();
  if (isPending) {
    return <nav aria-label="Main" />;
  }
  return (
    <nav aria-label="Main">
      <Link href="/projects">Projects</Link>
      {me ? (
        <>
          <Link href="/people">People</Link>
          <Link href="/saved">Saved</Link>
          <Link href="/projects/new">New project</Link>
          <Bell />
          <Link href={`/people/${me.id}`}>{me.name}</Link>
          <Link href="/settings">Settings</Link>
          <button onClick={() => auth.signOut().then(() => navigate("/"))}>Sign out</button>
        </>
      ) : (
        <Link href="/sign-in">Sign in</Link>
      )}
    </nav>
  );
}

function Bell() {
  const { data } = useQuery({ ...countNotificationsOptions(), refetchInterval: 60_000 });
  return <Link href="/notifications">{data?.unread ? `Notifications (${data.unread} new)` : "Notifications"}</Link>;
}

function Connection() {
  const isOnline = useSyncExternalStore(
    (listener) => onlineManager.subscribe(listener),
    () => onlineManager.isOnline(),
  );
  return (
    <p role="status" className="connection">
      {isOnline ? "" : "You are offline. What you see may be old; changes are sent when you are back."}
    </p>
  );
}
