// `better-auth/react` in a page, as the components of the frontend use it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { JSDOM, VirtualConsole } from "jsdom";

import { Browser, agree, api, newcomer, site, until } from "../browser.js";

// Hides the console of jsdom, which reports that it cannot navigate whenever the client navigates.
const dom = new JSDOM('<div id="root"></div>', {
  url: `${site}/`,
  virtualConsole: new VirtualConsole(),
});
// React and the client read these globals when they are loaded.
for (const name of ["window", "document", "navigator", "location", "localStorage"]) {
  const value = name === "window" ? dom.window : dom.window[name];
  Object.defineProperty(globalThis, name, { value, configurable: true });
}
const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");

const versions = {
  "1.3.2": await import("better-auth-1.3/react"),
  "1.6.34": await import("better-auth-1.6/react"),
  "1.7.25": await import("better-auth/react"),
};

for (const [version, { createAuthClient }] of Object.entries(versions)) {
  describe(`better-auth ${version} with React`, () => {
    const browser = new Browser();
    const place = dom.window.document.getElementById("root");
    let client;
    let root;

    function Greeting() {
      const { data, error, isPending } = client.useSession();
      const text = isPending ? "…" : error ? `error ${error.status}` : (data?.user.name ?? "nobody");
      return createElement("p", null, text);
    }
    const shows = (text) => until(() => place.textContent === text, `the page shows ${text}`);
    const load = () => {
      root?.unmount();
      client = createAuthClient({ baseURL: api, fetchOptions: { customFetchImpl: browser.fetch } });
      root = createRoot(place);
      root.render(createElement(Greeting));
    };

    before(load);
    after(() => root.unmount());

    test("useSession follows a visitor in, through a change, and out", async () => {
      await shows("nobody");

      const person = newcomer();
      const { data } = await client.signIn.social({ provider: "github", callbackURL: `${site}/` });
      assert.equal(await browser.visit(agree(data.url, person)), `${site}/`);
      // The browser comes back from another site, so it loads the page again.
      load();
      await shows(person.name);

      await client.updateUser({ name: "Renamed" });
      await shows("Renamed");

      await client.signOut();
      await shows("nobody");
    });
  });
}
