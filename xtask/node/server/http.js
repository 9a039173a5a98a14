// The HTTP side: CORS, the guard, and the error bodies of NestJS.

import { createServer } from "node:http";

import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { isAPIError } from "better-auth/api";

import { auth, origins } from "./auth.js";
import { HttpError, routes } from "./routes.js";

const handleAuth = toNodeHandler(auth);
const frontend = "http://localhost:3000";
const publicPaths = ["/", "/health"];

/** Returns the server, which does not listen yet. */
export function serve() {
  return createServer((request, response) => {
    setCors(request, response);
    const { pathname } = new URL(request.url, frontend);
    if (request.method === "OPTIONS") {
      response.setHeader("access-control-allow-methods", "GET,POST,PUT,DELETE,OPTIONS");
      response.setHeader("access-control-allow-headers", "Content-Type,Authorization");
      response.writeHead(204).end();
    } else if (pathname.startsWith("/api/auth/")) {
      handleAuth(request, response);
    } else {
      answer(request, response, pathname).catch((error) => fail(response, error));
    }
  });
}

function setCors(request, response) {
  const { origin } = request.headers;
  response.setHeader("access-control-allow-origin", origins.includes(origin) ? origin : frontend);
  response.setHeader("access-control-allow-credentials", "true");
  response.setHeader("vary", "Origin");
}

async function answer(request, response, pathname) {
  const session = await currentSession(request);
  if (!session && !publicPaths.includes(pathname)) {
    throw new HttpError(401);
  }
  const body = await readJson(request);
  for (const { method, expression, handler } of routes) {
    const match = method === request.method && expression.exec(pathname);
    if (match) {
      const { status = 200, json, text } = await handler({ user: session?.user, body, ...match.groups });
      if (text !== undefined) {
        response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(text);
      } else {
        send(response, status, json);
      }
      return;
    }
  }
  throw new HttpError(404, `Cannot ${request.method} ${pathname}`);
}

async function currentSession(request) {
  try {
    return await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  } catch (error) {
    if (isAPIError(error)) {
      throw new HttpError(error.statusCode, error.body?.message);
    }
    throw error;
  }
}

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  if (chunks.length === 0) {
    return {};
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new HttpError(400, "Malformed JSON body");
  }
}

function send(response, status, json) {
  if (json === undefined) {
    response.writeHead(status).end();
    return;
  }
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(json));
}

const phrases = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  500: "Internal server error",
};

function fail(response, error) {
  // P2025: the row to update or delete does not exist.
  const status = error instanceof HttpError ? error.status : error.code === "P2025" ? 404 : 500;
  if (status === 500) {
    console.error(error);
  }
  const phrase = phrases[status];
  const message = (error instanceof HttpError && error.detail) || phrase;
  const named = message !== phrase && status !== 401 && { error: phrase };
  send(response, status, { message, ...named, statusCode: status });
}
