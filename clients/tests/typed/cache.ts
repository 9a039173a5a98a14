// The cache of TanStack Query around mutations.

import assert from "node:assert/strict";

import { InfiniteQueryObserver, MutationObserver, QueryObserver } from "@tanstack/react-query";
import { createApi, type LikeProjectError } from "@codecave/api";
import {
  createProjectMutation,
  createQueryClient,
  deleteProjectMutation,
  getProjectOptions,
  likeProjectMutation,
  listCommentsOptions,
  listProjectsInfiniteOptions,
  listProjectsOptions,
} from "@codecave/api/query";

import type { Fetch } from "./visit.js";

/** Likes one of two projects that a page shows, as the user whose session `fetch` sends. */
export async function like(baseUrl: string, fetch: Fetch): Promise<void> {
  const sent: string[] = [];
  const record: Fetch = (request) => {
    sent.push(`${request.method} ${new URL(request.url).pathname}`);
    return fetch(request);
  };
  const client = createApi({ baseUrl, fetch: record });
  const queries = createQueryClient();
  const create = new MutationObserver(queries, createProjectMutation({ client }));
  const one = await create.mutate({ body: { title: "One" } });
  const two = await create.mutate({ body: { title: "Two" } });

  const query = { author: one.authorId, limit: 1 };
  const projects = [one, two].map(({ id }) => {
    const observer = new QueryObserver(queries, getProjectOptions({ client, path: { projectId: id } }));
    return { id, observer };
  });
  const list = new QueryObserver(queries, listProjectsOptions({ client, query }));
  const endless = new InfiniteQueryObserver(queries, listProjectsInfiniteOptions({ client, query }));
  const comments = new QueryObserver(queries, listCommentsOptions({ client, path: { projectId: one.id } }));
  const observers = [...projects.map(({ observer }) => observer), list, comments];
  const close = [...observers.map((observer) => observer.subscribe(() => {})), endless.subscribe(() => {})];
  await Promise.all([...observers.map((observer) => observer.refetch()), endless.refetch()]);

  assert.deepEqual(endless.getCurrentResult().data?.map(({ title }) => title), ["Two"]);
  await endless.fetchNextPage();
  assert.deepEqual(endless.getCurrentResult().data?.map(({ title }) => title), ["Two", "One"]);
  assert.equal(endless.getCurrentResult().hasNextPage, false);

  sent.length = 0;
  await new MutationObserver(queries, likeProjectMutation({ client })).mutate({ path: { projectId: two.id } });
  assert.deepEqual(sent.sort(), [
    // The list, and both pages of the endless one.
    "GET /projects",
    "GET /projects",
    "GET /projects",
    `GET /projects/${two.id}`,
    `PUT /projects/${two.id}/like`,
  ]);
  assert.equal(list.getCurrentResult().data?.[0]?.isLiked, true);
  assert.equal(endless.getCurrentResult().data?.[0]?.likeCount, 1);
  assert.equal(projects[1]?.observer.getCurrentResult().data?.isLiked, true);

  const remove = new MutationObserver(queries, deleteProjectMutation({ client }));
  for (const { id } of projects) {
    sent.length = 0;
    await remove.mutate({ path: { projectId: id } });
    const [first, ...others] = sent;
    assert.equal(first, `DELETE /projects/${id}`);
    // What is deleted is not loaded again.
    assert.deepEqual([...new Set(others)], ["GET /projects"]);
  }
  assert.deepEqual(list.getCurrentResult().data, []);
  close.forEach((unsubscribe) => unsubscribe());
  const again = new MutationObserver(queries, likeProjectMutation({ client }));
  const failure = await again.mutate({ path: { projectId: one.id } }).catch((error: LikeProjectError) => error);
  assert.equal("status" in failure && failure.status, 404);
}
