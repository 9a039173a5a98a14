// Hosts with certificates of an authority of their own, a frontend with the official client, and a real browser.

import { execFileSync, spawn } from "node:child_process";
import { createHash, createPublicKey } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const candidates = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/usr/bin/chromium-browser",
];

/** Path of the browser, if this machine has one. */
export const chromium = candidates.find((path) => path && existsSync(path));

/** Makes an authority and a certificate that it signs for the hosts. */
export function certificates(hosts) {
  const folder = mkdtempSync(join(tmpdir(), "cross-site-"));
  const openssl = (...parameters) => execFileSync("openssl", parameters, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-days", "2", "-subj", "/CN=Local authority", "-keyout", "ca.key", "-out", "ca.crt");
  openssl("req", ...key, "-subj", "/CN=local", "-keyout", "host.key", "-out", "host.csr");
  writeFileSync(join(folder, "names"), `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(",")}\n`);
  const signed = ["-req", "-in", "host.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  openssl("x509", ...signed, "-extfile", "names", "-out", "host.crt");
  const read = (name) => readFileSync(join(folder, name));
  const spki = createPublicKey(read("ca.crt")).export({ type: "spki", format: "der" });
  const tls = {
    key: read("host.key"),
    // With the authority's own, whose key the browser is told to trust.
    cert: Buffer.concat([read("host.crt"), read("ca.crt")]),
    authority: createHash("sha256").update(spki).digest("base64"),
  };
  rmSync(folder, { recursive: true });
  return tls;
}

/** Serves https with the handler; the server and its port. */
export async function serve(tls, handler) {
  const server = https.createServer(tls, handler);
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { server, port: server.address().port };
}

/** Sends the request on to a plain server on this machine, with the address of the client's choice as its host. */
export function forward(port) {
  return (request, response) => {
    const onward = http.request(
      { host: "127.0.0.1", port, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  };
}

/** The page of a frontend: `window.client` is the official client for that API. */
export async function page(api) {
  const bundle = await build({
    stdin: {
      contents: `
        import { createAuthClient } from "better-auth/client";
        window.client = createAuthClient({ baseURL: ${JSON.stringify(api)} });
      `,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    format: "esm",
    write: false,
  });
  return `<!doctype html><title>Frontend</title><script type="module">${bundle.outputFiles[0].text}</script>`;
}

/** Starts the auth function as a plain server; its port, and how to end it. */
export async function startAuth(variables) {
  const probe = http.createServer();
  await new Promise((listening) => probe.listen(0, "127.0.0.1", listening));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  const program = spawn(process.env.AUTH_BINARY, [], {
    env: { ...JSON.parse(process.env.PROVIDER_SETTINGS), ...variables, PORT: String(port), NODE_ENV: "test" },
    stdio: "ignore",
  });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/auth/ok`).catch(() => undefined);
    if (answer?.ok) {
      return { port, stop: () => program.kill() };
    }
    await new Promise((wake) => setTimeout(wake, 100));
  }
  program.kill();
  throw new Error("the auth function does not start");
}
