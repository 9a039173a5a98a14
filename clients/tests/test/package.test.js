// What is in the package `@codecave/api`.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

import { generate } from "../../typescript/generate.js";
import { folder } from "../programs.js";

const checkedIn = join(folder, "../typescript/src/generated");

test("the generated modules are those of the document", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "generated-"));
  try {
    await generate(fresh);
    const files = await modules(fresh);
    assert.deepEqual(await modules(checkedIn), files);
    for (const file of files) {
      const [old, now] = await Promise.all([checkedIn, fresh].map((place) => readFile(join(place, file), "utf8")));
      assert.ok(old === now, `${file} is stale: run \`npm run generate\` in clients`);
    }
  } finally {
    await rm(fresh, { recursive: true });
  }
});

test("an app that sends two requests stays small", async () => {
  const contents = `
    import { configure, likeProject, listProjects } from "@codecave/api";
    configure({ baseUrl: "https://api.codecave.tech" });
    const { data } = await listProjects({ query: { tag: ["rust"] } });
    await likeProject({ path: { projectId: data[0].id } });
  `;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  assert.ok(size < 6000, `${size} bytes, compressed`);
});

const modules = async (place) => {
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(place.length))
    .sort();
};
