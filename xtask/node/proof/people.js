// Rows of the callers. Prisma writes the columns that its schema has, and SQL writes the others.

import { createHash } from "node:crypto";

import { connect } from "../server/prisma.js";

const day = 86_400_000;

/** Everybody has a session whose token is their id and this. */
export const token = (id) => `${id}-session`;

/** Keys of Ada: each has 64 letters after its prefix. */
export const keys = {
  usable: `cc_${"usableKey".repeat(8).slice(0, 64)}`,
  reading: `cc_${"readingKey".repeat(8).slice(0, 64)}`,
  disabled: `cc_${"disabledKey".repeat(8).slice(0, 64)}`,
  spent: `cc_${"spentKey".repeat(9).slice(0, 64)}`,
  limited: `cc_${"limitedKey".repeat(8).slice(0, 64)}`,
  orphaned: `cc_${"orphanedKey".repeat(8).slice(0, 64)}`,
};

const people = [
  { id: "ada", name: "Ada", email: "ada@example.com", emailVerified: true, image: "https://example.com/ada.png" },
  { id: "bob", name: "Bob", email: "bob@example.com", emailVerified: true },
  { id: "cleo", name: "Cleo", email: "cleo@example.com", emailVerified: false },
  { id: "mod", name: "Mod", email: "mod@example.com", emailVerified: true },
  { id: "admin", name: "Admin", email: "admin@example.com", emailVerified: true },
  { id: "banned", name: "Banned", email: "banned@example.com", emailVerified: true },
  { id: "lapsed", name: "Lapsed", email: "lapsed@example.com", emailVerified: true },
];

/** Writes the people with their sessions, accounts, projects and keys. */
export async function writePeople(database) {
  const prisma = connect(database.url);
  // Half a minute keeps the distance to each request off the edge at which it is rounded.
  const now = Date.now() + 30_000;
  const at = (days) => new Date(now + days * day);
  await prisma.user.createMany({
    data: people.map((person) => ({ ...person, createdAt: at(-30), updatedAt: at(-20) })),
  });
  const session = (id, userId, created, expires) => ({
    id,
    userId,
    token: id,
    expiresAt: at(expires),
    createdAt: at(created),
    updatedAt: at(created),
    ipAddress: "127.0.0.1",
    userAgent: "test",
  });
  await prisma.session.createMany({
    data: [
      ...people.map(({ id }) => session(token(id), id, -0.1, 6.9)),
      session("ada-other", "ada", -2, 6.5),
      session("ada-due", "ada", -2, 5),
      session("ada-expired", "ada", -9, -2),
    ],
  });
  const account = (id, userId, providerId, more) => ({
    id,
    userId,
    providerId,
    accountId: `${id}-there`,
    createdAt: at(-30),
    updatedAt: at(-20),
    ...more,
  });
  await prisma.account.createMany({
    data: [
      account("ada-github", "ada", "github", { accessToken: "ada-github-token", scope: "read:user,user:email" }),
      account("ada-google", "ada", "google", {
        accessToken: "ada-google-token",
        refreshToken: "no-such-token",
        scope: "openid",
        accessTokenExpiresAt: at(-1),
      }),
      account("bob-github", "bob", "github", { accessToken: "bob-github-token" }),
      account("ada-odd", "ada", "odd", {}),
    ],
  });
  const project = (id, authorId, more) => ({ id, authorId, title: id, createdAt: at(-5), updatedAt: at(-4), ...more });
  await prisma.project.createMany({
    data: [
      project("ada-open", "ada", { tags: ["rust"] }),
      project("ada-hidden", "ada", { isPublic: false }),
      project("bob-open", "bob"),
    ],
  });
  await prisma.$disconnect();
  await database.query(`
    update "user" set role = 'admin' where id = 'admin';
    update "user" set role = 'moderator' where id = 'mod';
    update "user" set banned = true, "banReason" = 'Spam' where id = 'banned';
    update "user" set banned = true, "banExpires" = now() at time zone 'utc' - interval '1 day' where id = 'lapsed';
    update "user" set "projectsCount" = 1 where id in ('ada', 'bob');
  `);
  for (const [index, [name, key]] of Object.entries(keys).entries()) {
    await database.query(insertKey, [
      name,
      hash(key),
      name === "orphaned" ? "nobody" : "ada",
      limits[name] ?? {},
      at(-1 + index / 100),
      at(30),
    ]);
  }
}

const limits = {
  disabled: { enabled: false },
  spent: { remaining: 0 },
  limited: { requestCount: 10, rateLimitMax: 10, lastRequest: "now" },
  reading: { permissions: '{"api":["read"]}' },
};

const insertKey = `
  insert into apikey (id, name, start, prefix, key, "referenceId", enabled, remaining, permissions, "rateLimitMax",
    "rateLimitTimeWindow", "requestCount", "lastRequest", "expiresAt", "createdAt", "updatedAt")
  values ($1 || '-key', $1, 'cc_' || left($1, 3), 'cc_', $2, $3, coalesce(($4::jsonb->>'enabled')::boolean, true),
    ($4::jsonb->>'remaining')::integer, $4::jsonb->>'permissions', coalesce(($4::jsonb->>'rateLimitMax')::integer, 600),
    60000, coalesce(($4::jsonb->>'requestCount')::integer, 0), ($4::jsonb->>'lastRequest')::timestamptz at time zone 'utc',
    $6, $5, $5)`;

const hash = (key) => createHash("sha256").update(key).digest("base64url");
