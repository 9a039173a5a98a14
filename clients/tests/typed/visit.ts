// The first requests of a visitor, with the types of the client.

import assert from "node:assert/strict";

import {
  createApi,
  createComment,
  createProject,
  deleteProject,
  getProfile,
  getProject,
  getUser,
  items,
  likeProject,
  listComments,
  type ListProjectsData,
  listProjects,
  pages,
  type Project,
  type Self,
  updateProfile,
} from "@codecave/api";

export type Fetch = (request: Request) => Promise<Response>;

/** Creates projects, comments on one and deletes them, as the user whose session `fetch` sends. */
export async function visit(baseUrl: string, fetch: Fetch): Promise<void> {
  const client = createApi({ baseUrl, fetch });

  const profile = await getProfile({ client });
  assert.ok(profile.data);
  const me: Self = profile.data.user;

  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const body = { title: "Difference Engine", tags: ["mechanics"] };
  const created = await createProject({ client, headers, body });
  assert.equal(created.response.status, 201);
  assert.ok(created.data);
  const path = { projectId: created.data.id };
  assert.equal(created.response.headers.get("location"), `/projects/${path.projectId}`);
  assert.equal(created.data.isPublic, true);
  assert.equal((await createProject({ client, headers, body })).data?.id, path.projectId);

  // Without a key, the client makes one for each call.
  const other = await createProject({ client, body });
  assert.equal(other.response.status, 201);
  assert.match(other.request.headers.get("idempotency-key") ?? "", /^[\da-f-]{36}$/);
  assert.ok(other.data && other.data.id !== path.projectId);

  const mine: ListProjectsData["query"] = { author: me.id, tag: ["mechanics"], sort: "newest", limit: 1 };
  const listed = await listProjects({ client, query: mine });
  assert.deepEqual(listed.data?.map((project) => project.title), ["Difference Engine"]);
  const sizes: number[] = [];
  for await (const page of pages((page) => listProjects({ client, query: { ...mine, ...page } }))) {
    sizes.push(page.length);
  }
  assert.deepEqual(sizes, [1, 1]);
  const ids: Project["id"][] = [];
  for await (const project of items((page) => listProjects({ client, query: { ...mine, ...page } }))) {
    ids.push(project.id);
  }
  assert.deepEqual(ids, [other.data.id, path.projectId]);

  const liked = await likeProject({ client, path });
  assert.deepEqual(liked.data, { isLiked: true, likeCount: 1 });

  const said = await createComment({ client, path, body: { content: "It *prints*." } });
  assert.equal(said.data?.author.id, me.id);
  const comments = await listComments({ client, path, query: { include: "contentHtml" } });
  assert.deepEqual(
    comments.data?.map((comment) => comment.contentHtml?.trim()),
    ["<p>It <em>prints</em>.</p>"],
  );

  const bio = "Builds engines.";
  const changed = await updateProfile({ client, body: { bio, location: null } });
  assert.equal(changed.data?.bio, bio);
  const seen = await getUser({ client, path: { userId: me.id } });
  assert.equal(seen.data?.bio, bio);

  // A body that the document forbids does not compile. When it is sent anyway, the API rejects it.
  // @ts-expect-error
  const refused = await updateProfile({ client, body: { skills: "mechanics" } });
  assert.equal(refused.response.status, 400);
  assert.ok(refused.error?.messages.includes("skills must be an array"));

  for (const projectId of ids) {
    const removed = await deleteProject({ client, path: { projectId } });
    assert.equal(removed.response.status, 204);
  }
  const gone = await getProject({ client, path });
  assert.equal(gone.error?.message, "Project not found");
  assert.equal(gone.error.status, 404);
  await failures(baseUrl, path.projectId);
}

/** Errors are a union by status: what a page shows for each compiles only if no status is missing. */
async function failures(baseUrl: string, projectId: string): Promise<void> {
  const show = async (client: ReturnType<typeof createApi>): Promise<string> => {
    const { error } = await likeProject({ client, path: { projectId } });
    switch (error?.status) {
      case undefined:
        return "liked";
      case 0:
        return "offline";
      case 401:
        return "sign in";
      case 403:
      case 404:
        return error.message;
      case 429:
      case 503: {
        const seconds: number = error.retryAfter;
        return `wait ${seconds} s`;
      }
      case 400:
      case 413:
      case 415:
      case 500:
        return `report ${error.requestId}`;
      default: {
        const nothing: never = error;
        return nothing;
      }
    }
  };
  assert.equal(await show(createApi({ baseUrl })), "sign in");
  assert.equal(await show(createApi({ baseUrl: "http://127.0.0.1:9" })), "offline");
  const busy = async () => new Response("{}", { status: 503, headers: { "retry-after": "40" } });
  assert.equal(await show(createApi({ baseUrl, fetch: busy })), "wait 40 s");
  await assert.rejects(getProject({ client: createApi({ baseUrl }), path: { projectId }, throwOnError: true }), {
    name: "ApiError",
    status: 404,
  });
}
