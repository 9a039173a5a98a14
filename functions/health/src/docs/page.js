
// The page: operations by group, a filter, and the user who is signed in.

const byId = (id) => document.getElementById(id);

function operations() {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
}

function render() {
  byId("version").textContent = api.info.version;
  const main = byId("operations");
  const contents = byId("contents");
  main.replaceChildren(element("p", {}, prose(api.info.description)));
  for (const tag of api.tags) {
    const group = element("section", { class: "group" }, element("h2", {}, tag.name), element("p", {}, tag.description || ""));
    const links = element("div", {}, element("h2", {}, tag.name));
    for (const { path, method, operation } of operations().filter(({ operation }) => operation.tags.includes(tag.name))) {
      group.append(renderOperation(path, method, operation));
      links.append(element("a", { href: `#${operation.operationId}`, "data-id": operation.operationId, title: operation.summary || "" },
        element("span", { class: `method ${method}` }, method.toUpperCase()), element("span", {}, path)));
    }
    main.append(group);
    contents.append(links);
  }
}

function filter() {
  const words = byId("filter").value.toLowerCase().split(/\s+/);
  for (const { path, method, operation } of operations()) {
    const text = `${method} ${path} ${operation.operationId} ${operation.summary || ""}`.toLowerCase();
    const hidden = !words.every((word) => text.includes(word));
    byId(operation.operationId).classList.toggle("hidden", hidden);
    document.querySelector(`[data-id="${operation.operationId}"]`).classList.toggle("hidden", hidden);
  }
}

function openTarget() {
  const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (target) {
    target.open = true;
    target.scrollIntoView();
  }
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

async function signIn(provider) {
  try {
    const { url } = await post("/api/auth/sign-in/social", { provider, callbackURL: location.href.split("#")[0] });
    location.assign(url);
  } catch (error) {
    byId("who").append(element("span", { class: "status-bad" }, error.message));
  }
}

async function signOut() {
  await post("/api/auth/sign-out", {});
  await showWho();
}

async function showWho() {
  let session = null;
  try {
    const response = await fetch("/api/auth/get-session", { credentials: "include" });
    session = response.ok ? await response.json() : null;
  } catch { /* without a response, show the buttons to sign in */ }
  byId("who").replaceChildren(...(session
    ? [element("span", {}, session.user.name), element("button", { onclick: signOut }, "Sign out")]
    : [element("span", { class: "type" }, "Sign in with"),
      element("button", { onclick: () => signIn("github") }, "GitHub"),
      element("button", { onclick: () => signIn("google") }, "Google")]));
}

async function start() {
  try {
    api = await (await fetch("openapi.json")).json();
    render();
    openTarget();
  } catch (error) {
    byId("operations").replaceChildren(element("p", { class: "status-bad" }, `Could not load openapi.json: ${error}`));
  }
}

byId("filter").addEventListener("input", filter);
addEventListener("hashchange", openTarget);
start();
showWho();
