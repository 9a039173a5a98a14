// Generates src/generated from the OpenAPI document of the API. Run it with `npm run generate` after the document changed.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createClient } from "@hey-api/openapi-ts";

import { clientDocument } from "./generate/document.js";
import { consequences } from "./generate/invalidations.js";
import { infiniteModule, operationsModule } from "./generate/modules.js";

const source = new URL("../../functions/health/openapi.json", import.meta.url);

/** Generates all modules into a folder. Files that the folder contains are removed. */
export async function generate(folder) {
  const document = clientDocument(JSON.parse(await readFile(source, "utf8")));
  await createClient({
    // The generator changes what it reads.
    input: structuredClone(document),
    output: { path: folder, importFileExtension: ".js", entryFile: false },
    logs: { level: "silent", file: false },
    plugins: [
      "@hey-api/client-fetch",
      "@hey-api/typescript",
      // The settings of the client send the credential.
      { name: "@hey-api/sdk", auth: false },
      {
        name: "@tanstack/react-query",
        // These look for the cursor of the next page in the body. Those of infinite.gen.ts read `Link`.
        infiniteQueryKeys: false,
        infiniteQueryOptions: false,
        mutationOptions: { meta: ({ operationId }) => consequences(operationId, document) },
      },
    ],
  });
  await removeLinks(join(folder, "client/types.gen.ts"));
  await writeFile(join(folder, "infinite.gen.ts"), infiniteModule(document));
  await writeFile(join(folder, "operations.gen.ts"), operationsModule(document));
}

/** Replaces links to the generator's own packages by their names. */
async function removeLinks(file) {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/\{@link \S+ (`[^`]+`)\}/g, "$1"));
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  await generate(fileURLToPath(new URL("src/generated", import.meta.url)));
}
