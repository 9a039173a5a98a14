import { infiniteQueryOptions } from "@tanstack/react-query";

import { type ListResult, nextCursor, type PageParameters } from "./pages.js";

/** A page as the cache holds it. */
export interface Page<T> {
  items: T[];
  next: string | undefined;
}

/** Infinite query options whose data are the items of all loaded pages, each once. */
export function infinite<T extends { id: string }, E, K extends object>(
  [key]: readonly [K],
  load: (page: PageParameters, signal: AbortSignal) => ListResult<T, E>,
) {
  return infiniteQueryOptions<Page<T>, E, T[], readonly [K & { _infinite: true }], string | undefined>({
    // Not the key of the single page, whose data have another shape.
    queryKey: [{ ...key, _infinite: true }],
    initialPageParam: undefined,
    queryFn: async ({ pageParam, signal }) => {
      const { data, error, response } = await load({ cursor: pageParam }, signal);
      if (data === undefined) {
        throw error;
      }
      return { items: data, next: nextCursor(response) };
    },
    getNextPageParam: ({ next }) => next,
    select: ({ pages }) => {
      const items = pages.flatMap((page) => page.items);
      return [...new Map(items.map((item) => [item.id, item])).values()];
    },
  });
}
