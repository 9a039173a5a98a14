// The OpenAPI document, by the recommended rules of Redocly.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { createConfig, lint } from "@redocly/openapi-core";

import { folder } from "../programs.js";

const ref = join(folder, "../../functions/health/openapi.json");

/** Operations that never have a response with 2xx, as the API promises. */
const fails = (operation) => operation.tags.includes("Switched off") || operation.operationId === "testSentryError";
const redirects = ({ responses }) => "302" in responses;

/** Two templates fit `/users/by-github/follow`. The fixed segment wins, and no user has the id `by-github`. */
const isFixedSegmentFirst = (path) => path.startsWith("/users/{userId}/");

test("the document keeps the recommended rules, with known exceptions", async () => {
  const document = JSON.parse(await readFile(ref, "utf8"));
  const exceptions = [];
  const broken = [];
  for (const { location, message, ruleId } of await lint({ ref, config: await createConfig({ extends: ["recommended"] }) })) {
    const [, path, method] = location[0].pointer
      .slice(2)
      .split("/")
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const operation = document.paths[path]?.[method];
    const isKnown =
      (ruleId === "operation-2xx-response" && (fails(operation) || redirects(operation))) ||
      (ruleId === "no-ambiguous-paths" && isFixedSegmentFirst(path));
    (isKnown ? exceptions : broken).push(`${ruleId} ${method ?? ""} ${path}: ${message}`);
  }
  assert.deepEqual(broken, []);
  // The linter has read the operations.
  assert.ok(exceptions.length > 0);
});
