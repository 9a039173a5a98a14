
// The page: operations by topic, the search, and the credential of the person.

const byId = (id) => document.getElementById(id);
const METHODS = ["get", "post", "put", "delete"];

function slug(topic) {
  return `topic-${topic.toLowerCase().replace(/[^a-z]+/g, "-")}`;
}

function sorted(topic) {
  const own = operations().filter(({ details }) => details.tags.includes(topic));
  const depth = ({ path }) => path.split("/").length;
  return own.sort((a, b) => depth(a) - depth(b) || a.path.localeCompare(b.path) || METHODS.indexOf(a.method) - METHODS.indexOf(b.method));
}

function render() {
  byId("version").textContent = api.info.version;
  byId("about").replaceChildren(...paragraphs(api.info.description));
  const main = byId("operations");
  const contents = byId("contents");
  main.replaceChildren();
  contents.replaceChildren();
  for (const tag of api.tags) {
    const id = slug(tag.name);
    const own = sorted(tag.name);
    main.append(element("section", { class: "topic", "aria-labelledby": id },
      element("h2", { id }, tag.name), paragraphs(tag.description), own.map(renderOperation)));
    contents.append(element("div", { class: "topic-links" }, element("a", { href: `#${id}`, class: "topic-link" }, tag.name),
      element("ul", {}, own.map(({ id, path, method, details }) => element("li", { "data-id": id },
        element("a", { href: `#${id}` }, element("span", { class: `method ${method}` }, method.toUpperCase()), " ",
          element("span", {}, details.summary), element("span", { class: "hidden" }, path)))))));
  }
}

// Shows what has all words. Topics without a match, and their headings, disappear.
function search() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const { path, method, details, id } of operations()) {
    const parameters = parametersOf(details).map(({ name }) => name).join(" ");
    const text = `${method} ${path} ${id} ${details.summary} ${details.description || ""} ${details.tags} ${parameters}`.toLowerCase();
    const matches = words.every((word) => text.includes(word));
    found += matches ? 1 : 0;
    byId(id).classList.toggle("hidden", !matches);
    document.querySelector(`[data-id="${id}"]`).classList.toggle("hidden", !matches);
  }
  for (const group of document.querySelectorAll(".topic, .topic-links")) {
    group.classList.toggle("hidden", !group.querySelector(".operation:not(.hidden), li:not(.hidden)"));
  }
  byId("intro").classList.toggle("hidden", words.length > 0);
  byId("found").textContent = !words.length ? "" : found === 1 ? "1 operation" : `${found || "No"} operations`;
}

function openTarget() {
  const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.classList.contains("hidden")) {
    byId("search").value = "";
    search();
  }
  if (target.matches("details.operation")) {
    target.open = true;
    document.title = `${target.id} · CodeCave API`;
  }
  target.scrollIntoView();
  byId("menu").open = wide.matches;
}

// The key is kept until the tab is closed, and is sent to this API only.
function apiKey() {
  return byId("key").value.trim();
}

function rememberKey() {
  try { sessionStorage.setItem("docs.key", apiKey()); } catch { /* the key lasts until the page is closed */ }
  showWho();
}

async function post(path, body) {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

async function signIn(provider) {
  try {
    const { url } = await post("/api/auth/sign-in/social", { provider, callbackURL: location.href, errorCallbackURL: location.href.split("#")[0] });
    location.assign(url);
  } catch (error) {
    byId("problem").textContent = `The sign-in could not start: ${error.message}`;
  }
}

async function signOut() {
  try {
    await post("/api/auth/sign-out", {});
  } catch (error) {
    byId("problem").textContent = `The sign-out failed: ${error.message}`;
  }
  await showWho();
}

async function showWho() {
  const who = byId("who");
  if (apiKey()) {
    who.replaceChildren(element("span", {}, "Requests use the API key"));
    return;
  }
  let session = null;
  try {
    const response = await fetch("/api/auth/get-session");
    session = response.ok ? await response.json() : null;
  } catch { /* without a response, show the buttons to sign in */ }
  const button = (provider, name) => element("button", { type: "button", onclick: () => signIn(provider) }, name);
  who.replaceChildren(...(session
    ? [element("span", {}, "Signed in as ", element("strong", {}, session.user.name)), element("button", { type: "button", onclick: signOut }, "Sign out")]
    : [element("span", {}, "Sign in with"), button("github", "GitHub"), button("google", "Google")]));
}

function showSignInError() {
  const code = new URLSearchParams(location.search).get("error");
  if (!code) return;
  byId("problem").textContent = code === "access_denied" ? "The sign-in was cancelled." : `The sign-in failed: ${code.replaceAll("_", " ")}.`;
  history.replaceState(null, "", location.pathname + location.hash);
}

const THEMES = ["light dark", "light", "dark"];
function showTheme(theme) {
  const known = THEMES.includes(theme) ? theme : THEMES[0];
  document.documentElement.dataset.theme = known;
  byId("theme").value = known;
}

async function start() {
  try {
    const response = await fetch("openapi.json");
    if (!response.ok) throw new Error(`status ${response.status}`);
    api = await response.json();
  } catch (error) {
    byId("operations").replaceChildren(element("p", { class: "problem" }, `openapi.json could not be loaded: ${error.message}`));
    return;
  }
  render();
  openTarget();
}

// The header has two rows where the window is narrow. A link must not scroll its target behind them.
new ResizeObserver(([{ target }]) => {
  document.documentElement.style.setProperty("--bar", `${target.offsetHeight}px`);
}).observe(document.querySelector("header"));

const wide = matchMedia("(min-width: 900px)");
const fold = () => { byId("menu").open = wide.matches; };
wide.addEventListener("change", fold);
fold();
showTheme(remembered("theme"));
byId("theme").addEventListener("change", ({ target }) => { remember("theme", target.value); showTheme(target.value); });
try { byId("key").value = sessionStorage.getItem("docs.key") || ""; } catch { /* no storage, no key */ }
byId("key").addEventListener("change", rememberKey);
byId("credential").addEventListener("submit", (event) => { event.preventDefault(); rememberKey(); });
byId("search").addEventListener("input", search);
addEventListener("hashchange", openTarget);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  byId("search").focus();
});
showSignInError();
start();
showWho();
