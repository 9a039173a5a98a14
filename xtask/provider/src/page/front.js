
const api = document.querySelector("main").dataset.api;
const place = (id) => document.getElementById(id);

// Errors of a sign-in that have a reason which a developer can act on.
const REASONS = {
  access_denied: "You declined the sign-in.",
  account_already_linked_to_different_user: "The account is linked to another user.",
  account_not_linked: "A user with this e-mail address exists, and the address is not verified. Sign in with the first account, and link this one.",
  BANNED_USER: "The user is banned.",
  email_does_not_match: "The account has another e-mail address than the user.",
  email_not_found: "The account has no e-mail address.",
  internal_server_error: "The API failed. Its log has the reason.",
  invalid_code: "The provider rejected the code.",
  no_code: "The provider sent no code.",
  oauth_provider_not_found: "The API has no such provider. Set its client id and secret.",
  state_mismatch: "The sign-in was started in another browser, or its cookie is lost. Try again.",
  state_not_found: "The sign-in took too long, or was finished already. Try again.",
  unable_to_create_session: "The API could not create a session. Its log has the reason.",
  unable_to_create_user: "The API could not create the user. Its log has the reason.",
  unable_to_get_user_info: "The provider returned no profile.",
  unable_to_link_account: "The account cannot be linked.",
};

async function call(path, body) {
  const answer = await fetch(api + path, {
    credentials: "include",
    ...(body && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  }).catch(() => {
    throw new Error(`${api} does not respond. Is cargo xtask dev still running?`);
  });
  const json = await answer.json();
  if (!answer.ok) {
    throw new Error(`${path} returned ${answer.status}: ${[json.message].flat().join(", ")}`);
  }
  return json;
}

// Adds a line for each fact that is known.
function describe(user) {
  const facts = {
    "GitHub": user.githubUsername,
    "About": user.bio,
    "Location": user.location,
    "Company": user.company,
    "Website": user.website,
    "Skills": user.skills.join(", "),
    "Projects": `${user.projectsCount} public, and ${user.privateProjectsCount} ${user.privateProjectsCount === 1 ? "draft" : "drafts"}`,
    "Followers": `${user.followersCount}, following ${user.followingCount}`,
    "Id": user.id,
  };
  place("facts").replaceChildren();
  for (const [name, value] of Object.entries(facts)) {
    if (value) {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      place("facts").append(term, text);
    }
  }
}

async function show() {
  const session = await call("/api/auth/get-session");
  place("nobody").hidden = Boolean(session);
  place("somebody").hidden = !session;
  if (!session) {
    return;
  }
  const profile = await call("/users/profile");
  const { user } = profile;
  place("name").textContent = user.name || user.email;
  place("email").textContent = user.email;
  place("role").textContent = user.role;
  place("face").hidden = !(user.avatar || user.image);
  if (user.avatar || user.image) {
    place("face").src = user.avatar || user.image;
  }
  describe(user);
  place("profile").textContent = JSON.stringify(profile, null, 2);
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
    throw new Error(`The bucket returned ${sent.status}.`);
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
  complain(REASONS[error] ?? `The sign-in failed: ${error.replaceAll("_", " ")}.`);
  history.replaceState(null, "", location.pathname);
}
attempt(show)();
