// The gateway of the cut-over: it sends each group of routes to one of two servers.

import { createServer, request as send } from "node:http";

import { groupOf } from "./groups.js";

/** Starts a gateway. `choose` returns the server of a group. */
export async function startGateway(choose) {
  const gateway = createServer((request, response) => {
    const port = choose(groupOf(request.url)).portOf(request.url);
    const options = { host: "127.0.0.1", port, method: request.method, path: request.url, headers: request.headers };
    const forwarded = send(options, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    forwarded.on("error", (error) => response.writeHead(502).end(String(error)));
    request.pipe(forwarded);
  });
  await new Promise((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  const { port } = gateway.address();
  return {
    name: "gateway",
    portOf: () => port,
    stop: () => {
      gateway.closeAllConnections();
      return new Promise((resolve) => gateway.close(resolve));
    },
  };
}
