// A browser's part in signing in: cookies, the origin, and redirects. It keeps every answer as it came.

import { createHmac } from "node:crypto";
import { Agent, request as send } from "node:http";

import { api, providerUrl, secret, site } from "./settings.js";

const agent = new Agent({ keepAlive: true });

/** Sends one request, with no header but the given ones, and returns the answer. */
export function exchange(port, method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const request = send({ host: "127.0.0.1", port, method, path, headers, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        const cookies = response.headers["set-cookie"] ?? [];
        const others = Object.entries(response.headersDistinct).filter(([name]) => name !== "set-cookie");
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, headers: Object.fromEntries(others), cookies, text });
      });
      response.on("error", reject);
    });
    request.on("error", reject);
    request.setTimeout(20_000, () => request.destroy(new Error(`${method} ${path} takes too long`)));
    request.end(body);
  });
}

/** Returns the value of a cookie that Better Auth signs. */
export function signed(value) {
  const signature = createHmac("sha256", secret).update(value).digest("base64");
  return encodeURIComponent(`${value}.${signature}`);
}

export class Browser {
  #cookies;

  /** A browser that holds the session with this token, or none. */
  constructor(token) {
    this.#cookies = new Map(token ? [["better-auth.session_token", signed(token)]] : []);
  }

  /** Sends a request to a server like a page of the frontend does. A body is sent as JSON unless it is a text. */
  async fetch(server, method, path, { body, headers } = {}) {
    const all = { host: new URL(api).host, origin: site, ...headers };
    if (this.#cookies.size > 0) {
      all.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    }
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    if (text !== undefined) {
      all["content-type"] ??= "application/json";
      all["content-length"] = Buffer.byteLength(text);
    }
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    const answer = await exchange(server.portOf(path), method, path, sent, text);
    for (const cookie of answer.cookies) {
      const [pair, ...attributes] = cookie.split("; ");
      const at = pair.indexOf("=");
      if (attributes.includes("Max-Age=0")) {
        this.#cookies.delete(pair.slice(0, at));
      } else {
        this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
      }
    }
    return answer;
  }

  cookie(name) {
    return this.#cookies.get(`better-auth.${name}`);
  }

  /** Returns a copy with the same cookies. */
  copy() {
    const other = new Browser();
    other.#cookies = new Map(this.#cookies);
    return other;
  }

  /** Signs in, or links with `link-social`. The flow starts at one server and may end at another. */
  async signIn(server, { provider = "github", person, link = false, finish = server }) {
    const path = `/api/auth/${link ? "link-social" : "sign-in/social"}`;
    const body = { provider, callbackURL: "/home", errorCallbackURL: "/oops" };
    const started = await this.fetch(server, "POST", path, { body });
    if (started.status !== 200) {
      return started;
    }
    const callback = await consent(JSON.parse(started.text).url, person);
    return this.fetch(finish, "GET", callback, { headers: { origin: null } });
  }
}

/** Agrees at the provider's page as a person, and returns the path that it redirects to. */
export async function consent(url, person, decision) {
  const page = new URL(url);
  const service = page.hostname === "github.com" ? "github" : "google";
  const moved = new URL(`${providerUrl}/${service}${page.pathname}${page.search}`);
  if (decision) {
    moved.searchParams.set("decision", decision);
  } else {
    moved.searchParams.set("new_email", person.email);
    moved.searchParams.set("new_name", person.name);
    if (person.verified !== false) {
      moved.searchParams.set("new_verified", "on");
    }
  }
  const response = await fetch(moved, { redirect: "manual" });
  const location = response.headers.get("location");
  if (!location?.startsWith(api)) {
    throw new Error(`the provider does not redirect: ${response.status} ${await response.text()}`);
  }
  return location.slice(api.length);
}
