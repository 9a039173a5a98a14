// A browser as far as signing in needs one: cookies, CORS and redirects, without pages.

import { CookieJar } from "jsdom";

/** Where the bundle answers. */
export const api = process.env.BASE_URL ?? "http://localhost:3001";

/** Where the frontend that uses it lives. */
export const site = process.env.FRONTEND_URL ?? "http://localhost:3000";

const simpleTypes = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

export class Browser {
  #jar = new CookieJar();

  /** What `fetch` with `credentials: "include"` does on a page of the frontend. */
  fetch = async (input, init) => {
    const request = new Request(input, { ...init, redirect: "manual" });
    const type = request.headers.get("content-type")?.split(";")[0];
    if (!["GET", "HEAD", "POST"].includes(request.method) || (type && !simpleTypes.includes(type))) {
      await this.#preflight(request, type);
    }
    // Browsers name the origin in every cross-origin request that is read by a script.
    request.headers.set("origin", site);
    const answer = await this.#send(request);
    allow(answer, request);
    return answer;
  };

  /** Opens an address and follows redirects until the frontend is reached; the address at the end. */
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

  /** The cookies that a request to the API carries. */
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

/** Refuses an answer that a browser would keep from the page. */
function allow(answer, request) {
  const origin = answer.headers.get("access-control-allow-origin");
  const credentials = answer.headers.get("access-control-allow-credentials");
  if (origin !== site || credentials !== "true") {
    throw new TypeError(`CORS keeps the answer of ${request.method} ${request.url} from ${site}`);
  }
}

/** Somebody whom nobody has seen before, with the same verified address at both services. */
export function newcomer() {
  const login = `visitor-${crypto.randomUUID().slice(0, 8)}`;
  return { name: `Visitor ${login.slice(8)}`, email: `${login}@example.com` };
}

/** What a person does on the provider's page: types in who they are and agrees. */
export function agree(address, person) {
  const page = new URL(address);
  page.searchParams.set("new_email", person.email);
  page.searchParams.set("new_name", person.name);
  page.searchParams.set("new_verified", "on");
  return page.href;
}

/** Waits until `condition` returns something true, and returns it. */
export async function until(condition, what) {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const value = condition();
    if (value) {
      return value;
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`in vain: ${what}`);
}
