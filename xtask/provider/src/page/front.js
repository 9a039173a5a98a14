
const api = document.querySelector("main").dataset.api;
const place = (id) => document.getElementById(id);

async function call(path, body) {
  const answer = await fetch(api + path, {
    credentials: "include",
    ...(body && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const json = await answer.json();
  if (!answer.ok) {
    throw new Error(`${path} answered ${answer.status}: ${json.message}`);
  }
  return json;
}

async function show() {
  const session = await call("/api/auth/get-session");
  place("nobody").hidden = Boolean(session);
  place("somebody").hidden = !session;
  if (session) {
    place("name").textContent = session.user.name || session.user.email;
    place("profile").textContent = JSON.stringify(await call("/users/profile"), null, 2);
  }
}

async function upload(file) {
  const made = await call("/uploads", {
    purpose: "avatar",
    filename: file.name,
    contentType: file.type,
    size: file.size,
  });
  const { method, url, headers } = made.upload;
  const sent = await fetch(url, { method, headers, body: file });
  if (!sent.ok) {
    throw new Error(`The bucket answered ${sent.status}.`);
  }
  const ready = await call(`/uploads/${made.file.id}/complete`, {});
  place("picture").hidden = false;
  place("picture").firstElementChild.src = `${ready.imageUrl}?w=640`;
}

function complain(problem) {
  place("problem").hidden = false;
  place("problem").textContent = problem;
}

const attempt = (action) => () => action().catch((error) => complain(error.message));

for (const button of document.querySelectorAll("[data-provider]")) {
  button.onclick = attempt(async () => {
    const here = `${location.origin}/`;
    const { provider } = button.dataset;
    const { url } = await call("/api/auth/sign-in/social", {
      provider,
      callbackURL: here,
      errorCallbackURL: here,
    });
    location.href = url;
  });
}
place("upload").onsubmit = (event) => {
  event.preventDefault();
  const file = new FormData(event.target).get("file");
  attempt(() => upload(file))();
};
place("leave").onclick = attempt(async () => {
  await call("/api/auth/sign-out", {});
  await show();
});

const error = new URLSearchParams(location.search).get("error");
if (error) {
  complain(`The sign-in ended with the error ${error}.`);
}
attempt(show)();
