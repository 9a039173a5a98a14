import type { ReactNode } from "react";

import { Failure } from "./failure";

interface Endless<T, E> {
  data: T[] | undefined;
  error: E | null;
  isPending: boolean;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

interface Properties<T, E> {
  label: string;
  query: Endless<T, E>;
  /** Shown instead of an empty list. */
  empty: ReactNode;
  children: (item: T) => ReactNode;
}

/** A list with a button for its next page. */
export function List<T extends { id: string }, E extends Parameters<typeof Failure>[0]["error"]>(list: Properties<T, E>) {
  const { query } = list;
  return (
    <>
      {query.isPending && <p role="status">Loading …</p>}
      <Failure error={query.error} />
      {query.data?.length === 0 && <p>{list.empty}</p>}
      {query.data && query.data.length > 0 && (
        <ul className="list" aria-label={list.label}>
          {query.data.map((item) => (
            <li key={item.id}>{list.children(item)}</li>
          ))}
        </ul>
      )}
      {query.hasNextPage && (
        <button onClick={() => query.fetchNextPage()} disabled={query.isFetchingNextPage}>
          Show more
        </button>
      )}
    </>
  );
}
