// Generates the Prisma client. Neither the generator nor the client needs an engine, but the command line downloads one
// unless a variable names a program in its place.

import { spawnSync } from "node:child_process";

const { status } = spawnSync(
  process.execPath,
  ["node_modules/prisma/build/index.js", "generate", "--schema=schema.prisma"],
  {
    cwd: import.meta.dirname,
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: "1",
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
    },
    stdio: ["ignore", "ignore", "inherit"],
  },
);
process.exit(status ?? 1);
