// The callers of the recorded requests, with their credentials.

import { Browser, signed } from "./browser.js";
import { keys, token } from "./people.js";

const withSession = (id) => ({ browser: () => new Browser(token(id)) });
const withToken = (value) => ({ browser: () => new Browser(value) });
const withKey = (key) => ({ browser: () => new Browser(), headers: { "x-api-key": key } });
const withCookie = (value) => ({
  browser: () => new Browser(),
  headers: { cookie: `better-auth.session_token=${value}` },
});

export const callers = {
  anonymous: { browser: () => new Browser() },
  ada: withSession("ada"),
  bob: withSession("bob"),
  cleo: withSession("cleo"),
  mod: withSession("mod"),
  admin: withSession("admin"),
  banned: withSession("banned"),
  due: withToken("ada-due"),
  stale: withToken("ada-other"),
  expired: withToken("ada-expired"),
  unknown: withToken("no-such-session"),
  forged: withCookie(`${token("ada")}.${"A".repeat(43)}%3D`),
  tampered: withCookie(signed(token("ada")).replace("ada", "bob")),
  key: withKey(keys.usable),
  "reading key": withKey(keys.reading),
  "disabled key": withKey(keys.disabled),
  "spent key": withKey(keys.spent),
  "limited key": withKey(keys.limited),
  "orphaned key": withKey(keys.orphaned),
  "unknown key": withKey(`cc_${"unknownKey".repeat(8).slice(0, 64)}`),
  "short key": withKey("cc_short"),
};
