// Both servers on one database: requests that alternate, every way to divide the groups, and back to the Node server alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { connect } from "../server/prisma.js";
import { Visitor } from "../proof/alternation.js";
import { Browser } from "../proof/browser.js";
import { startGateway } from "../proof/gateway.js";
import { groups } from "../proof/groups.js";
import { token } from "../proof/people.js";
import { startFunctions, startNode } from "../proof/servers.js";
import { Stage } from "../proof/stage.js";

// `CUTOVER_REQUESTS=1000` is the thorough run.
const perSession = Number(process.env.CUTOVER_REQUESTS ?? 50);
const sessions = 20;

const stage = new Stage();
let database;
let node;
let functions;

before(async () => {
  database = await stage.people("shared");
  [node, functions] = await stage.start(startNode("node-shared", database), startFunctions("shared", database));
});

after(() => stage.end());

test("requests may alternate between both servers", async (context) => {
  const admin = new Browser(token("admin"));
  const visitors = Array.from(
    { length: sessions },
    (_, index) => new Visitor(index, [node, functions], database, admin),
  );
  await Promise.all(visitors.map((visitor) => visitor.visit(perSession)));
  const sum = (field) => visitors.reduce((total, visitor) => total + visitor[field], 0);
  context.diagnostic(
    `${sessions} sessions sent ${sum("requests")} requests in turn to both servers; each of ${sum("refused")} refusals was one of both`,
  );
});

const json = (answer) => JSON.parse(answer.text);

/** Signs in, uses every group, and signs out. Returns the number of requests. */
async function useEverything(gateway, person) {
  const browser = new Browser();
  let requests = 0;
  const send = async (method, path, status, body) => {
    const answer = await browser.fetch(gateway, method, path, { body });
    requests += 1;
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    return answer;
  };
  const landed = await browser.signIn(gateway, { person });
  assert.match(landed.headers.location[0], /^\/home/);
  assert.equal(json(await send("GET", "/api/auth/get-session", 200)).user.email, person.email);
  assert.equal(json(await send("GET", "/users/profile", 200)).user.email, person.email);
  assert.equal(json(await send("PUT", "/users/profile", 200, { bio: "Here" })).bio, "Here");
  const { id } = json(await send("POST", "/projects", 201, { title: person.name }));
  assert.equal(json(await send("GET", `/projects/${id}`, 200)).title, person.name);
  assert.equal(json(await send("PUT", `/projects/${id}/like`, 200)).likeCount, 1);
  await send("POST", `/projects/${id}/comments`, 201, { content: "First" });
  assert.equal(json(await send("GET", "/health", 200)).status, "ok");
  assert.equal(json(await send("POST", "/api/auth/sign-out", 200, {})).success, true);
  await send("GET", "/users/profile", 401);
  assert.equal(json(await send("GET", "/api/auth/get-session", 200)), null);
  return requests + 2;
}

test("every division of the five groups serves everything", async (context) => {
  let requests = 0;
  for (let division = 0; division < 1 << groups.length; division += 1) {
    const choose = (group) => ((division >> groups.indexOf(group)) & 1 ? functions : node);
    const gateway = await startGateway(choose);
    try {
      const person = { name: `Division ${division}`, email: `division-${division}@example.com` };
      requests += await useEverything(gateway, person);
    } finally {
      await gateway.stop();
    }
  }
  context.diagnostic(`${1 << groups.length} divisions served ${requests} requests`);
});

test("the functions refuse a link that the Node server started, and the other way round it works", async () => {
  const refused = { start: node, finish: functions, end: "/oops?error=unable_to_link_account", providers: ["github"] };
  const linked = { start: functions, finish: node, end: "/home", providers: ["github", "google"] };
  for (const [index, { start, finish, end, providers }] of [refused, linked].entries()) {
    const person = { name: "Between", email: `between-${index}@example.com` };
    const browser = new Browser();
    await browser.signIn(start, { person });
    const answer = await browser.signIn(start, { person, provider: "google", link: true, finish });
    assert.equal(answer.headers.location[0], end);
    const accounts = json(await browser.fetch(finish, "GET", "/api/auth/list-accounts"));
    assert.deepEqual(accounts.map((account) => account.providerId).sort(), providers);
  }
});

test("impersonation may start at one server and end at the other", async () => {
  for (const [start, finish] of [
    [node, functions],
    [functions, node],
  ]) {
    const admin = new Browser(token("admin"));
    const post = (server, path, body) => admin.fetch(server, "POST", `/api/auth/admin/${path}`, { body });
    assert.equal((await post(start, "impersonate-user", { userId: "bob" })).status, 200);
    assert.equal(json(await admin.fetch(finish, "GET", "/users/profile")).user.id, "bob");
    assert.equal((await post(finish, "stop-impersonating", {})).status, 200);
    assert.equal(json(await admin.fetch(start, "GET", "/users/profile")).user.id, "admin");
  }
});

/** The number of kept counts and scores that differ from those of the rows. */
const drift = `
  select
    (
      select count(*)
      from "projectTrend" kept
      full join counted_trends(null, until) counted on counted."projectId" = kept."projectId"
      where (coalesce(kept.day, 0), coalesce(kept.week, 0), coalesce(kept.month, 0))
        <> (coalesce(counted.day, 0), coalesce(counted.week, 0), coalesce(counted.month, 0))
    )
    + (
      select count(*)
      from (
        (select * from "projectFacet" where count <> 0 except select * from counted_facets(until))
        union all
        (select * from counted_facets(until) except table "projectFacet")
      ) facet
    )
    + (
      select count(*)
      from counted_visible_totals() counted
      cross join (
        select
          coalesce(sum(users), 0) as users,
          coalesce(sum(projects), 0) as projects,
          coalesce(sum(comments), 0) as comments,
          coalesce(sum(likes), 0) as likes
        from "visibleTotal"
      ) kept
      where (kept.users, kept.projects, kept.comments, kept.likes)
        <> (counted.users, counted.projects, counted.comments, counted.likes)
    ) as drift
  from "windowClock"`;

test("the kept counts include each write of Prisma, of one row and of many", async (context) => {
  const prisma = connect(database.url);
  const id = (kind, number) => `kept-${kind}-${number}`;
  const numbers = Array.from({ length: 6 }, (_, number) => number);
  const kept = { startsWith: "kept-" };
  const project = (number) => ({
    id: id("project", number),
    title: `Kept ${number}`,
    tags: ["kept", `kept-${number % 2}`],
    language: "Kept",
    authorId: id("user", number % 3),
  });
  const like = (user, number) => ({ userId: id("user", user), projectId: id("project", number) });
  const comment = (user, number) => ({ content: "x", authorId: id("user", user), projectId: id("project", number) });
  const writes = {
    "user.createMany": () =>
      prisma.user.createMany({ data: numbers.map((n) => ({ id: id("user", n), name: "Kept", email: `kept-${n}@example.com` })) }),
    "project.create": () => prisma.project.create({ data: project(0) }),
    "project.createMany": () => prisma.project.createMany({ data: numbers.slice(1).map(project) }),
    "like.create": () => prisma.like.create({ data: like(1, 0) }),
    "like.createMany": () => prisma.like.createMany({ data: numbers.map((n) => like(n, 1)), skipDuplicates: true }),
    "comment.create": () => prisma.comment.create({ data: comment(1, 0) }),
    "comment.createMany": () => prisma.comment.createMany({ data: numbers.flatMap((n) => [comment(n, 2), comment(n, 3)]) }),
    "project.update": () => prisma.project.update({ where: { id: id("project", 0) }, data: { tags: ["other"] } }),
    "project.updateMany": () =>
      prisma.project.updateMany({ where: { id: { in: [id("project", 1), id("project", 2)] } }, data: { isPublic: false } }),
    "project.updateMany back": () => prisma.project.updateMany({ where: { id: kept }, data: { isPublic: true, language: "Go" } }),
    "user.update": () => prisma.user.update({ where: { id: id("user", 0) }, data: { isActive: false } }),
    "user.updateMany": () => prisma.user.updateMany({ where: { id: kept }, data: { isActive: true } }),
    "like.delete": () => prisma.like.delete({ where: { userId_projectId: like(1, 0) } }),
    "like.deleteMany": () => prisma.like.deleteMany({ where: { userId: { in: [id("user", 2), id("user", 3)] } } }),
    "comment.deleteMany": () => prisma.comment.deleteMany({ where: { projectId: id("project", 3) } }),
    "project.delete": () => prisma.project.delete({ where: { id: id("project", 1) } }),
    "project.deleteMany": () => prisma.project.deleteMany({ where: { id: { in: [id("project", 2), id("project", 4)] } } }),
    "user.deleteMany": () => prisma.user.deleteMany({ where: { id: kept } }),
  };
  const visitor = new Browser();
  const counted = async () => {
    const { tags } = json(await visitor.fetch(functions, "GET", "/projects/facets?prefix=kept"));
    return tags.find(({ name }) => name === "kept")?.count ?? 0;
  };
  try {
    for (const [name, write] of Object.entries(writes)) {
      await write();
      const [{ drift: found }] = await database.query(drift);
      assert.equal(Number(found), 0, `after ${name}`);
      if (name === "project.createMany") {
        assert.equal(await counted(), numbers.length);
      }
    }
    assert.equal(await counted(), 0);
    context.diagnostic(`${Object.keys(writes).length} kinds of writes`);
  } finally {
    await prisma.$disconnect();
  }
});

test("everything that the functions wrote is read by the Node server alone", async (context) => {
  const person = { name: "Left behind", email: "left@example.com" };
  const browser = new Browser();
  await browser.signIn(functions, { person });
  await browser.signIn(functions, { person, provider: "google", link: true });
  const write = (method, path, body) => browser.fetch(functions, method, path, { body });
  await write("PUT", "/users/profile", {
    bio: "Zoë wrote “this”",
    skills: ["Rust", "C, C++", '"quoted"'],
    website: "example.com",
  });
  const { id } = json(
    await write("POST", "/projects", { title: "Left", tags: ["rust"], content: "# Title\n\ttext", isPublic: false }),
  );
  await write("POST", "/projects", { title: "Open" });
  await write("PUT", "/projects/bob-open/like");
  await write("POST", "/projects/bob-open/comments", { content: "Nice" });
  await write("PUT", "/users/bob/follow");
  const { key } = json(await write("POST", "/api/auth/api-key/create", { name: "CI", metadata: { a: 1 } }));
  const pending = new Browser();
  const started = json(
    await pending.fetch(functions, "POST", "/api/auth/sign-in/social", { body: { provider: "github" } }),
  );
  assert.ok(started.url);
  await functions.stop();

  const session = json(await browser.fetch(node, "GET", "/api/auth/get-session"));
  assert.equal(session.user.email, person.email);
  assert.equal(json(await browser.fetch(node, "GET", "/api/auth/list-accounts")).length, 2);
  assert.equal(json(await browser.fetch(node, "GET", "/api/auth/list-sessions")).length, 1);
  assert.equal(json(await browser.fetch(node, "GET", `/projects/${id}`)).content, "# Title\n\ttext");
  const byKey = await new Browser().fetch(node, "GET", "/users/profile", { headers: { "x-api-key": key } });
  assert.equal(json(byKey).user.email, person.email);
  const [listed] = json(await browser.fetch(node, "GET", "/api/auth/api-key/list")).apiKeys;
  assert.deepEqual(listed.metadata, { a: 1 });

  const prisma = connect(database.url);
  try {
    const models = ["user", "session", "account", "verification", "project", "comment", "like", "follow"];
    let rows = 0;
    for (const model of models) {
      const found = await prisma[model].findMany();
      const [{ count }] = await database.query(`select count(*) from "${tableOf[model] ?? model}"`);
      assert.equal(found.length, Number(count), model);
      rows += found.length;
    }
    const user = await prisma.user.findUnique({
      where: { email: person.email },
      include: { projects: true, comments: true, likes: true, following: true, sessions: true, accounts: true },
    });
    assert.deepEqual(user.skills, ["Rust", "C, C++", '"quoted"']);
    assert.equal(user.bio, "Zoë wrote “this”");
    assert.equal(user.provider, "GITHUB");
    assert.deepEqual(
      [user.projects, user.comments, user.likes, user.following, user.accounts].map((list) => list.length),
      [2, 1, 1, 1, 2],
    );
    assert.ok(user.sessions.every(({ expiresAt }) => expiresAt > new Date()));
    // The Node server can delete these users like its own.
    await prisma.user.deleteMany({
      where: { email: { in: [person.email, "visitor-1@example.com", "visitor-2@example.com"] } },
    });
    assert.equal(await prisma.project.count({ where: { id } }), 0);
    context.diagnostic(`the Node server alone read ${rows} rows of ${models.length} tables`);
  } finally {
    await prisma.$disconnect();
  }
  assert.equal(json(await browser.fetch(node, "GET", "/api/auth/get-session")), null);
});

const tableOf = { project: "projects", comment: "comments", like: "likes", follow: "follows" };
