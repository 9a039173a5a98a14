// Recorded requests to the application's own routes.

const everybody = ["anonymous", "ada", "admin", "expired", "key", "disabled key"];
const request = (method, path, body, note) => ({ method, path, body, note });

const byEverybody = [
  request("GET", "/users/profile"),
  request("PUT", "/users/profile", { bio: "Writes programs.", skills: ["rust"] }),
  request("GET", "/users"),
  request("POST", "/projects", { title: "New", tags: ["rust"], language: "Rust" }),
  request("GET", "/projects/ada-open"),
  request("PUT", "/projects/ada-open", { description: "Better" }),
  request("DELETE", "/projects/ada-open"),
  request("PUT", "/projects/bob-open/like"),
  request("PUT", "/users/bob/follow"),
  request("POST", "/projects/bob-open/comments", { content: "Nice" }),
  request("GET", "/health"),
  request("GET", "/"),
  request("GET", "/no-such-route"),
].flatMap((request) => everybody.map((caller) => ({ ...request, caller })));

const byAda = [
  request("PUT", "/users/profile", {
    name: "Ada King",
    location: "London",
    company: "Engines",
    website: "https://ada.example.com",
  }),
  request("PUT", "/users/profile", { bio: 5 }, "a number"),
  request("PUT", "/users/profile", { bio: "x".repeat(501) }, "too long"),
  request("PUT", "/users/profile", "{", "broken JSON"),
  request("POST", "/projects", {}, "no title"),
  request("POST", "/projects", { title: "Hidden", isPublic: false }, "hidden"),
  request("PUT", "/projects/bob-open", { title: "Mine" }, "another's"),
  request("DELETE", "/projects/bob-open", undefined, "another's"),
  request("GET", "/projects/none", undefined, "unknown"),
  request("GET", "/projects/ada-hidden", undefined, "hidden"),
].map((request) => ({ ...request, caller: "ada" }));

const byBob = [
  request("GET", "/projects/ada-hidden", undefined, "another's hidden one"),
  request("PUT", "/projects/ada-hidden/like", undefined, "another's hidden one"),
].map((request) => ({ ...request, caller: "bob" }));

export const applicationRequests = [byEverybody, byAda, byBob].flat().map((request) => ({
  ...request,
  name: `${request.method} ${request.path} by ${request.caller}${request.note ? `, ${request.note}` : ""}`,
}));
