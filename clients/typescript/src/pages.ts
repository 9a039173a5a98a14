/** The part of the query that selects a page. */
export interface PageParameters {
  cursor?: string;
}

/** What a list operation returns. */
export type ListResult<T, E> = Promise<
  ({ data: T[]; error: undefined } | { data: undefined; error: E }) & { response: Response }
>;

/** Returns the cursor of the next page, which is in `Link`. Undefined on the last page. */
export function nextCursor(response: Response): string | undefined {
  const [, target] = /<([^>]*)>; *rel="?next"?/.exec(response.headers.get("link") ?? "") ?? [];
  // React Native has no complete `URLSearchParams`.
  const [, cursor] = /[?&]cursor=([^&]+)/.exec(target ?? "") ?? [];
  return cursor && decodeURIComponent(cursor);
}

/**
 * Loads all pages of a list, one after the other:
 * `pages((page) => listProjects({ query: { tag: ["rust"], ...page } }))`. Throws the error of a page that fails.
 */
export async function* pages<T, E>(load: (page: PageParameters) => ListResult<T, E>): AsyncGenerator<T[], void> {
  let page: PageParameters = {};
  do {
    const result = await load(page);
    if (result.data === undefined) {
      throw result.error;
    }
    yield result.data;
    page = { cursor: nextCursor(result.response) };
  } while (page.cursor);
}

/** Loads all items of a list like `pages`. An item that moved to a later page meanwhile is returned once. */
export async function* items<T extends { id: string }, E>(
  load: (page: PageParameters) => ListResult<T, E>,
): AsyncGenerator<T, void> {
  const seen = new Set<string>();
  for await (const page of pages(load)) {
    for (const item of page) {
      if (!seen.has(item.id)) {
        seen.add(item.id);
        yield item;
      }
    }
  }
}
