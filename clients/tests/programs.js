// Programs of the packages.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The folder of the tests. */
export const folder = fileURLToPath(new URL(".", import.meta.url));

/** Runs a program of one of the packages. An error contains its output. */
export const run = (program, ...parameters) =>
  new Promise((resolve, reject) => {
    const found = `${folder}../node_modules/.bin/${program}`;
    execFile(found, parameters, { cwd: folder }, (error, out, problems) =>
      error ? reject(new Error(`${program}: ${out}${problems}`)) : resolve(),
    );
  });
