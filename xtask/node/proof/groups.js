// The five groups of routes that are moved one by one.

export const groups = ["auth", "users", "projects", "social", "health"];

const patterns = [
  ["auth", /^\/api\/auth\//],
  ["social", /^\/(projects\/[^/]+\/(comments|likes?)|comments\/[^/]+|users\/[^/]+\/(follow|followers|following))$/],
  ["social", /^\/(feed|notifications)(\/|$)/],
  ["projects", /^\/(projects|uploads|images)(\/|$)/],
  ["users", /^\/users(\/|$)/],
];

/** Returns the group that answers a path, as the gateway chooses it. */
export function groupOf(path) {
  const { pathname } = new URL(path, "http://localhost");
  const found = patterns.find(([, pattern]) => pattern.test(pathname));
  return found ? found[0] : "health";
}
