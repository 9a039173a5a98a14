// The first requests of a visitor, in the types that `openapi-typescript` generates from the OpenAPI document.

import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.d.ts";

type Fetch = (request: Request) => Promise<Response>;

/** Creates a project, comments on it and deletes it, as the user whose session `fetch` sends. */
export async function visit(baseUrl: string, fetch: Fetch): Promise<void> {
  const api = createClient<paths>({ baseUrl, fetch });

  const profile = await api.GET("/users/profile");
  assert.ok(profile.data);
  const me: components["schemas"]["Self"] = profile.data.user;

  const key = crypto.randomUUID();
  const wish = { title: "Difference Engine", tags: ["mechanics"] };
  const create = () =>
    api.POST("/projects", { params: { header: { "Idempotency-Key": key } }, body: wish });
  const created = await create();
  assert.equal(created.response.status, 201);
  assert.ok(created.data);
  const projectId: string = created.data.id;
  assert.equal(created.response.headers.get("location"), `/projects/${projectId}`);
  assert.equal(created.data.isPublic, true);
  assert.equal((await create()).data?.id, projectId);

  const listed = await api.GET("/projects", {
    params: { query: { author: me.id, tag: ["mechanics"], sort: "newest", limit: 1 } },
  });
  assert.deepEqual(listed.data?.map((project) => project.title), ["Difference Engine"]);

  const project = { params: { path: { projectId } } };
  const liked = await api.PUT("/projects/{projectId}/like", project);
  assert.deepEqual(liked.data, { isLiked: true, likeCount: 1 });

  const said = await api.POST("/projects/{projectId}/comments", {
    ...project,
    body: { content: "It *prints*." },
  });
  assert.equal(said.data?.author.id, me.id);
  const comments = await api.GET("/projects/{projectId}/comments", {
    params: { ...project.params, query: { include: "contentHtml" } },
  });
  assert.deepEqual(
    comments.data?.map((comment) => comment.contentHtml?.trim()),
    ["<p>It <em>prints</em>.</p>"],
  );

  const bio = "Builds engines.";
  const changed = await api.PUT("/users/profile", { body: { bio, location: null } });
  assert.equal(changed.data?.bio, bio);
  const seen = await api.GET("/users/{userId}", { params: { path: { userId: me.id } } });
  assert.equal(seen.data?.bio, bio);

  // A body that the document forbids does not compile. When it is sent anyway, the API rejects it.
  // @ts-expect-error
  const refused = await api.PUT("/users/profile", { body: { skills: "mechanics" } });
  assert.equal(refused.response.status, 400);
  assert.ok(refused.error?.message.includes("skills must be an array"));

  const removed = await api.DELETE("/projects/{projectId}", project);
  assert.equal(removed.response.status, 204);
  const gone = await api.GET("/projects/{projectId}", project);
  assert.equal(gone.error?.message, "Project not found");
}
