// Programs of the packages.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the tests. */
export const folder = fileURLToPath(new URL(".", import.meta.url));

/** Two packages have a `tsc`. That of version 7 takes a quarter of the time. */
const paths = { oxlint: "oxlint/bin/oxlint", tsc: "typescript-native/bin/tsc" };

/** Runs a program of one of the packages in a folder of these. An error contains its output. */
export const runIn = (place, program, ...parameters) =>
  new Promise((resolve, reject) => {
    const found = join(folder, "../node_modules", paths[program]);
    execFile(process.execPath, [found, ...parameters], { cwd: join(folder, place) }, (error, out, problems) =>
      error ? reject(new Error(`${program}: ${out}${problems}`)) : resolve(),
    );
  });

/** Runs a program in the folder of the tests. */
export const run = (program, ...parameters) => runIn(".", program, ...parameters);
