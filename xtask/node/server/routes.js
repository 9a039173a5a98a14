// The application's routes, each a few statements of Prisma.

import { prisma } from "./prisma.js";

/** An answer that is not a success. */
export class HttpError extends Error {
  constructor(status, detail) {
    super(detail ?? String(status));
    this.status = status;
    this.detail = detail;
  }
}

const route = (method, path, handler) => {
  const expression = new RegExp(`^${path.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
  return { method, expression, handler };
};

/** Reports each rule that a text does not meet, like the application's decorated classes do. */
function textProblems(field, value, { required, limit }) {
  const isText = typeof value === "string";
  const broken = [
    !isText && `${field} must be a string`,
    required && (value === undefined || value === null || value === "") && `${field} should not be empty`,
    !(isText && value.length <= limit) && `${field} must be shorter than or equal to ${limit} characters`,
  ];
  return broken.filter(Boolean);
}

const profileTexts = { name: 255, bio: 500, website: 255, location: 255, company: 255 };

/** The columns of a profile that its owner may change. */
function profileChanges(body) {
  const given = Object.entries(profileTexts).filter(([field]) => body[field] !== undefined);
  const problems = given.flatMap(([field, limit]) => textProblems(field, body[field], { limit }));
  if (problems.length > 0) {
    throw new HttpError(400, problems);
  }
  const changes = Object.fromEntries(given.map(([field]) => [field, body[field]]));
  return body.skills === undefined ? changes : { ...changes, skills: body.skills };
}

function projectChanges({ title, description, content, tags, language, isPublic }) {
  return { title, description, content, tags, language, isPublic };
}

async function visibleProject(id, user) {
  const project = await prisma.project.findUnique({ where: { id } });
  if (!project || (!project.isPublic && project.authorId !== user.id)) {
    throw new HttpError(404, "Project not found");
  }
  return project;
}

async function ownProject(id, user, action) {
  const project = await visibleProject(id, user);
  if (project.authorId !== user.id) {
    throw new HttpError(403, `You can only ${action} your own projects`);
  }
  return project;
}

const users = [
  route("GET", "/users/profile", ({ user }) => ({ json: { user } })),
  route("PUT", "/users/profile", async ({ user, body }) => ({
    json: await prisma.user.update({ where: { id: user.id }, data: profileChanges(body) }),
  })),
  route("GET", "/users", async () => ({
    json: await prisma.user.findMany({ where: { isActive: true }, orderBy: { createdAt: "desc" } }),
  })),
];

const projects = [
  route("GET", "/projects", async () => ({
    json: await prisma.project.findMany({
      where: { isPublic: true, author: { isActive: true } },
      include: { author: { select: { id: true, name: true } } },
      orderBy: { createdAt: "desc" },
      take: 20,
    }),
  })),
  route("POST", "/projects", async ({ user, body }) => {
    const problems = textProblems("title", body.title, { required: true, limit: 200 });
    if (problems.length > 0) {
      throw new HttpError(400, problems);
    }
    const isPublic = body.isPublic !== false;
    const [project] = await prisma.$transaction([
      prisma.project.create({ data: { ...projectChanges(body), authorId: user.id } }),
      prisma.user.update({ where: { id: user.id }, data: { projectsCount: { increment: isPublic ? 1 : 0 } } }),
    ]);
    return { status: 201, json: project };
  }),
  route("GET", "/projects/:id", async ({ id, user }) => ({ json: await visibleProject(id, user) })),
  route("PUT", "/projects/:id", async ({ id, user, body }) => {
    await ownProject(id, user, "edit");
    return { json: await prisma.project.update({ where: { id }, data: projectChanges(body) }) };
  }),
  route("DELETE", "/projects/:id", async ({ id, user }) => {
    const { isPublic } = await ownProject(id, user, "delete");
    await prisma.$transaction([
      prisma.project.delete({ where: { id } }),
      prisma.user.update({ where: { id: user.id }, data: { projectsCount: { decrement: isPublic ? 1 : 0 } } }),
    ]);
    return { status: 204 };
  }),
];

const social = [
  route("POST", "/projects/:projectId/comments", async ({ projectId, user, body }) => {
    await visibleProject(projectId, user);
    const data = { content: body.content, projectId, authorId: user.id };
    return { status: 201, json: await prisma.comment.create({ data }) };
  }),
  route("PUT", "/projects/:projectId/like", async ({ projectId, user }) => {
    await visibleProject(projectId, user);
    const likeCount = await prisma.$transaction(async (transaction) => {
      const { count } = await transaction.like.createMany({
        data: [{ userId: user.id, projectId }],
        skipDuplicates: true,
      });
      const data = { likeCount: { increment: count } };
      return (await transaction.project.update({ where: { id: projectId }, data })).likeCount;
    });
    return { json: { isLiked: true, likeCount } };
  }),
  route("PUT", "/users/:userId/follow", async ({ userId, user }) => {
    const followersCount = await prisma.$transaction(async (transaction) => {
      const data = [{ followerId: user.id, followingId: userId }];
      const { count } = await transaction.follow.createMany({ data, skipDuplicates: true });
      await transaction.user.update({ where: { id: user.id }, data: { followingCount: { increment: count } } });
      const followed = { where: { id: userId }, data: { followersCount: { increment: count } } };
      return (await transaction.user.update(followed)).followersCount;
    });
    return { json: { isFollowing: true, followersCount } };
  }),
];

const health = [
  route("GET", "/", () => ({ text: "Hello from CodeCave API!" })),
  route("GET", "/health", () => ({ json: { status: "ok", timestamp: new Date().toISOString() } })),
];

export const routes = [...users, ...projects, ...social, ...health];
