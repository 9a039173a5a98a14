// The part of a browser that signing in needs: cookies, CORS and redirects, without pages.

import { CookieJar } from "jsdom";

/** Address of the running API. */
export const api = process.env.BASE_URL ?? "http://localhost:3001";

/** Origin of the frontend that calls it. */
export const site = process.env.FRONTEND_URL ?? "http://localhost:3000";

const simpleTypes = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

export class Browser {
  #jar = new CookieJar();

  /** Sends a request like `fetch` with `credentials: "include"` on a page of the frontend. */
  fetch = async (input, init) => {
    const request = new Request(input, { ...init, redirect: "manual" });
    const type = request.headers.get("content-type")?.split(";")[0];
    if (!["GET", "HEAD", "POST"].includes(request.method) || (type && !simpleTypes.includes(type))) {
      await this.#preflight(request, type);
    }
    // Browsers send the origin with every cross-origin request whose response a script reads.
    request.headers.set("origin", site);
    const answer = await this.#send(request);
    allow(answer, request);
    return answer;
  };

  /** Opens an address, follows redirects until one leads to the frontend, and returns that address. */
  async visit(address) {
    for (let hops = 0; hops < 10; hops += 1) {
      const answer = await this.#send(new Request(address, { redirect: "manual" }));
      const location = answer.headers.get("location");
      if (answer.status !== 302 || !location) {
        throw new Error(`${address} answered ${answer.status}: ${await answer.text()}`);
      }
      address = new URL(location, address).href;
      if (new URL(address).origin === site) {
        return address;
      }
    }
    throw new Error(`too many redirects, the last to ${address}`);
  }

  /** Returns the names of the cookies that a request to the API carries. */
  cookies() {
    return this.#jar.getCookiesSync(api).map((cookie) => cookie.key);
  }

  async #send(request) {
    const cookies = this.#jar.getCookieStringSync(request.url);
    if (cookies) {
      request.headers.set("cookie", cookies);
    }
    const answer = await fetch(request);
    for (const cookie of answer.headers.getSetCookie()) {
      this.#jar.setCookieSync(cookie, request.url);
    }
    return answer;
  }

  async #preflight(request, type) {
    const asked = new Request(request.url, {
      method: "OPTIONS",
      headers: {
        origin: site,
        "access-control-request-method": request.method,
        ...(type && { "access-control-request-headers": "content-type" }),
      },
    });
    const answer = await fetch(asked);
    if (!answer.ok) {
      throw new TypeError(`the preflight of ${request.url} answered ${answer.status}`);
    }
    allow(answer, request);
    const listed = (name) => (answer.headers.get(name) ?? "").toLowerCase().split(/, */);
    if (!listed("access-control-allow-methods").includes(request.method.toLowerCase())) {
      throw new TypeError(`CORS does not allow ${request.method} ${request.url}`);
    }
    if (type && !listed("access-control-allow-headers").includes("content-type")) {
      throw new TypeError(`CORS does not allow a content type for ${request.url}`);
    }
  }
}

/** Throws where a browser would keep the response from the page. */
function allow(answer, request) {
  const origin = answer.headers.get("access-control-allow-origin");
  const credentials = answer.headers.get("access-control-allow-credentials");
  if (origin !== site || credentials !== "true") {
    throw new TypeError(`CORS keeps the answer of ${request.method} ${request.url} from ${site}`);
  }
}

/** Returns a new person, with the same verified address at both services. */
export function newcomer() {
  const login = `visitor-${crypto.randomUUID().slice(0, 8)}`;
  return { name: `Visitor ${login.slice(8)}`, email: `${login}@example.com` };
}

/** Returns the address that the provider's page opens when a person fills in the form and agrees. */
export function agree(address, person) {
  const page = new URL(address);
  page.searchParams.set("new_email", person.email);
  page.searchParams.set("new_name", person.name);
  page.searchParams.set("new_verified", "on");
  return page.href;
}

/** Waits until `condition` returns a truthy value, or resolves to one, and returns it. Gives up after ten seconds. */
export async function until(condition, what) {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const value = await condition();
    if (value) {
      return value;
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`timed out after ten seconds: ${what}`);
}
