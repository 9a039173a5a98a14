// Starts the Node server and the functions as processes, each on a free port of 127.0.0.1.

import { spawn } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { groupOf, groups } from "./groups.js";
import { api, functions, providerSettings, providerUrl, secret } from "./settings.js";

const logs = new URL("../../../target/test/", import.meta.url);
const plenty = "1000000/60";

const common = {
  BETTER_AUTH_SECRET: secret,
  BETTER_AUTH_URL: api,
  // Better Auth checks no origins under `test`, and limits rates under `production`.
  NODE_ENV: "development",
  ...providerSettings,
};

const ofFunctions = {
  DATABASE_MAX_CONNECTIONS: "5",
  // The Node server has these addresses in its code.
  GITHUB_AUTHORIZE_URL: "https://github.com/login/oauth/authorize",
  GOOGLE_AUTHORIZE_URL: "https://accounts.google.com/o/oauth2/v2/auth",
  RATE_LIMIT_ANON: plenty,
  RATE_LIMIT_CREATE: plenty,
  RATE_LIMIT_READ: plenty,
  RATE_LIMIT_WRITE: plenty,
};

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(child, port, name) {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`${name} ended with status ${child.exitCode}`);
    }
    const open = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true) || socket.end());
      socket.on("error", () => resolve(false));
    });
    if (open) {
      return;
    }
    await sleep(20);
  }
  throw new Error(`${name} does not listen`);
}

async function start(name, program, options, variables) {
  mkdirSync(logs, { recursive: true });
  const port = await freePort();
  const log = openSync(new URL(`cutover-${name}.log`, logs), "w");
  const child = spawn(program, options, {
    env: { PATH: process.env.PATH, ...common, ...variables, PORT: String(port) },
    stdio: ["ignore", log, log],
  });
  await listening(child, port, name);
  return { port, stop: () => stop(child) };
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const patience = setTimeout(() => child.kill("SIGKILL"), 3_000);
  await ended;
  clearTimeout(patience);
}

/** Starts the Node server. Every group is on its one port. */
export async function startNode(name, database) {
  const main = new URL("../server/main.js", import.meta.url).pathname;
  const variables = { DATABASE_URL: database.url, PROVIDER_URL: providerUrl };
  const { port, stop } = await start(name, process.execPath, [main], variables);
  return { name: "node", portOf: () => port, stop };
}

/** Starts the five functions, each on a port of its own. */
export async function startFunctions(name, database) {
  const started = {};
  await Promise.all(
    groups.map(async (group) => {
      const variables = { ...ofFunctions, DATABASE_URL: database.url };
      started[group] = await start(`${name}-${group}`, functions[group], [], variables);
    }),
  );
  return {
    name: "functions",
    portOf: (path) => started[groupOf(path)].port,
    stop: () => Promise.all(Object.values(started).map((server) => server.stop())),
  };
}
