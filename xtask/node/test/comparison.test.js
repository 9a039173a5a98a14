// Sends the same requests to two Node servers and to the functions, and compares answers and changed rows.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { applicationRequests } from "../proof/application.js";
import { Comparison, describe } from "../proof/compare.js";
import { differences } from "../proof/differences.js";
import { flows } from "../proof/flows.js";
import { Target } from "../proof/lockstep.js";
import { requests } from "../proof/requests.js";
import { startFunctions, startNode } from "../proof/servers.js";
import { Stage } from "../proof/stage.js";

const stage = new Stage();
const comparison = new Comparison(differences);
let targets;

before(async () => {
  const people = await stage.people("people");
  await people.disconnect();
  const databases = [];
  for (const name of ["first", "second", "ours"]) {
    databases.push(await stage.clone(name, people.name));
  }
  const servers = await stage.start(
    startNode("node-first", databases[0]),
    startNode("node-second", databases[1]),
    startFunctions("compared", databases[2]),
  );
  targets = servers.map((server, index) => new Target(server, databases[index]));
  await Promise.all(targets.map((target) => target.begin()));
});

after(() => stage.end());

/** One request of which three records are kept, for the last test. */
let sample;

const compare = async (work) => {
  const before = comparison.unlisted.length;
  const now = Date.now();
  const [first, second, ours] = await Promise.all(targets.map((target) => work(target, now)));
  first.forEach(([name, record], index) => {
    const records = [record, second[index][1], ours[index][1]];
    comparison.add(name, ...records);
    if (name === "linking: signing in (callback)") {
      sample = { name, records };
    }
  });
  return comparison.unlisted.slice(before);
};

const expectNone = (unlisted) => assert.equal(unlisted.length, 0, `differences:\n${unlisted.map(describe).join("\n")}`);

for (const flow of flows) {
  test(`both servers do the same: ${flow.name}`, async () => {
    expectNone(await compare((target) => target.flow(flow)));
  });
}

test("both servers do the same: the application's routes", async () => {
  const unlisted = [];
  for (const request of applicationRequests) {
    unlisted.push(...(await compare((target, now) => target.request(request, now))));
  }
  expectNone(unlisted);
});

test("both servers do the same: every operation of Better Auth", async () => {
  const unlisted = [];
  for (const request of requests) {
    unlisted.push(...(await compare((target, now) => target.request(request, now))));
  }
  expectNone(unlisted);
});

test("every listed difference is there", (context) => {
  context.diagnostic(
    `${comparison.requests} requests and ${comparison.rows} changed rows compared, ${comparison.noise} values of noise`,
  );
  context.diagnostic(`${differences.length} differences are meant:`);
  for (const line of comparison.report) {
    context.diagnostic(line);
  }
  assert.deepEqual(comparison.unused, []);
});

const alterations = {
  "a status": (record) => (record.status = 303),
  "an attribute of a cookie": (record) => {
    const cookie = record.cookies.find(({ name }) => name.endsWith("session_token"));
    cookie.attributes = cookie.attributes.replace("Lax", "Strict");
  },
  "a key of a body": (record) => (record.body = { surplus: true }),
  "a column": (record) => (Object.values(record.rows["insert session"])[0].userAgent = "another"),
  "a row": (record) => delete record.rows["insert account"],
  "a header": (record) => (record.headers["x-frame-options"] = "DENY"),
};

for (const [what, alter] of Object.entries(alterations)) {
  test(`the comparison notices ${what}`, () => {
    const { name, records } = sample;
    const [first, second, ours] = structuredClone(records);
    const other = new Comparison(differences);
    other.add(name, first, second, ours);
    assert.equal(other.unlisted.length, 0);
    alter(ours);
    other.add(name, first, second, ours);
    assert.ok(other.unlisted.length > 0);
  });
}
