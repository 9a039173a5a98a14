
// One operation: its description and responses, the same request as code, and a form that sends it.

const LANGUAGES = [["curl", curlOf], ["TypeScript", typeScriptOf]];
let language = remembered("language") || "curl";

// Settings of this page. A browser may forbid storage.
function remembered(name) {
  try { return localStorage.getItem(`docs.${name}`); } catch { return null; }
}

function remember(name, value) {
  try { localStorage.setItem(`docs.${name}`, value); } catch { /* the choice lasts until the page is closed */ }
}

function copyButton(text) {
  if (!navigator.clipboard) return "";
  const button = element("button", { type: "button", class: "quiet copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

function codeBlock(text, label) {
  const code = element("pre", { tabindex: "0", "aria-label": label }, text);
  return element("div", { class: "code" }, copyButton(() => code.textContent), code);
}

// The request in each language. All operations of the page show the language that was chosen last.
function codeSamples(operation, request) {
  const output = element("pre", { tabindex: "0", "aria-label": "Request as code" });
  const buttons = LANGUAGES.map(([name]) => element("button", { type: "button", class: "quiet", "data-language": name, onclick: () => {
    language = name;
    remember("language", name);
    document.dispatchEvent(new Event("language"));
  } }, name));
  const show = () => {
    output.textContent = LANGUAGES.find(([name]) => name === language)[1](operation, request());
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.language === language)));
  };
  document.addEventListener("language", show);
  show();
  return { show, node: element("div", { class: "code" },
    element("div", { class: "tabs", role: "group", "aria-label": "Language" }, buttons, copyButton(() => output.textContent)), output) };
}

function headerRows(headers) {
  return Object.entries(headers || {}).map(([name, reference]) => {
    const header = resolve(reference);
    return element("li", {}, element("code", { class: "name" }, name), " ", element("span", { class: "about" }, prose(header.description)),
      header.example === undefined ? "" : element("div", { class: "type" }, "e.g. ", element("code", {}, String(header.example))));
  });
}

function responseBlock(status, reference) {
  const response = resolve(reference);
  const content = Object.entries(response.content || {});
  const fill = (body) => {
    for (const [type, media] of content) {
      body.append(element("p", { class: "type" }, type));
      const schema = media.schema && resolve(media.schema);
      if (media.example !== undefined) body.append(codeBlock(pretty(media.example), `Example of ${status}`));
      else if (schema && schema.examples) body.append(codeBlock(pretty(schema.examples[0]), `Example of ${status}`));
      if (media.schema && (type === "application/json")) body.append(element("details", {}, element("summary", {}, "Properties"), describeSchema(media.schema)));
    }
    if (!content.length) body.append(element("p", { class: "type" }, "No body"));
    const rows = headerRows(response.headers);
    if (rows.length) body.append(element("details", {}, element("summary", {}, "Headers"), element("ul", { class: "schema" }, rows)));
  };
  const details = element("details", { class: "response", open: status.startsWith("2") },
    element("summary", {}, element("span", { class: `status ${Number(status) < 400 ? "good" : "bad"}` }, status), " ", prose(response.description)));
  fill(details);
  return details;
}

// The form of an operation: fields with their rules, the body, and what came back.
function tryForm(operation, changed) {
  const { details, id } = operation;
  const body = bodyOf(details);
  const fields = parametersOf(details).map((parameter) => {
    const name = `${id}-${parameter.in}-${parameter.name}`;
    const control = controlFor(parameter, name);
    const problem = element("p", { class: "problem", id: `${name}-problem` });
    control.addEventListener("input", changed);
    return { parameter, control, problem, name };
  });
  const area = body && element("textarea", { id: `${id}-body`, spellcheck: "false", "aria-describedby": `${id}-body-problem` });
  const areaProblem = body && element("p", { class: "problem", id: `${id}-body-problem` });
  if (body) {
    area.value = pretty(body.example);
    area.rows = Math.min(16, area.value.split("\n").length + 1);
    area.addEventListener("input", changed);
  }

  const report = (control, problem, text) => {
    problem.textContent = text;
    control.setAttribute("aria-invalid", String(Boolean(text)));
    return text ? control : undefined;
  };
  const firstProblem = () => [
    ...fields.map(({ parameter, control, problem }) => report(control, problem, problemOf(parameter, control))),
    body && report(area, areaProblem, bodyProblem(body, area.value)),
  ].find(Boolean);

  const request = () => {
    const made = emptyRequest(operation);
    for (const { parameter, control } of fields) {
      const values = valuesOf(parameter, control);
      if (parameter.in === "path") made.pathValues[parameter.name] = values[0] || `{${parameter.name}}`;
      else if (parameter.in === "header") { if (values.length) made.headers[parameter.name] = values[0]; }
      else for (const value of values) made.query.push([parameter.name, value]);
    }
    if (body && area.value.trim()) {
      made.headers["Content-Type"] = body.type;
      made.body = area.value;
    }
    return made;
  };

  const fillIn = () => {
    for (const { parameter, control } of fields) {
      if (parameter.example !== undefined) control.value = [parameter.example].flat().join(", ");
    }
    changed();
  };
  const hasExamples = fields.some(({ parameter }) => parameter.example !== undefined);
  const output = element("div", { class: "output", "aria-live": "polite" });
  const send = element("button", { type: "submit", class: "primary" }, `Send ${operation.method.toUpperCase()}`);
  const form = element("form", { novalidate: true, "aria-label": `Send ${id}` },
    fields.length ? element("h4", {}, "Parameters") : "",
    fields.map(({ parameter, control, problem, name }) => element("div", { class: "field" },
      element("label", { for: name }, element("code", { class: "name" }, parameter.name), " ",
        parameter.required ? element("span", { class: "required" }, "required") : "", element("span", { class: "type" }, ` ${parameter.in}`)),
      element("div", { class: "about", id: `${name}-rules` },
        parameter.description ? element("p", {}, prose(parameter.description)) : "",
        element("p", {}, typeLine(parameter.schema), resolve(parameter.schema).type === "array" ? ", with commas between them" : "")),
      control, problem)),
    body ? element("div", { class: "field" },
      element("label", { for: `${id}-body`, class: "heading" }, "Body ", element("span", { class: "type" }, body.type)), area, areaProblem) : "",
    element("p", { class: "actions" }, send, hasExamples ? element("button", { type: "button", class: "quiet", onclick: fillIn }, "Fill in the example") : ""),
    output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = firstProblem();
    if (wrong) return wrong.focus();
    if (operation.method === "delete" && !confirm(`${details.summary}?\nThis cannot be undone.`)) return undefined;
    send.disabled = true;
    await show(output, request(), details);
    send.disabled = false;
    return undefined;
  });
  return { form, request };
}

async function show(output, request, details) {
  output.replaceChildren("Sending …");
  const started = performance.now();
  const headers = { ...request.headers };
  const key = apiKey();
  if (key) headers["x-api-key"] = key;
  try {
    const response = await fetch(targetOf(request), {
      method: request.method, headers, body: request.body, credentials: key ? "omit" : "same-origin", redirect: "manual",
    });
    const took = `${Math.round(performance.now() - started)} ms`;
    if (response.type === "opaqueredirect") {
      output.replaceChildren(element("p", {}, element("span", { class: "status good" }, "redirect"), ` ${took}. Browsers hide the address of a redirect.`));
      return;
    }
    const type = response.headers.get("content-type") || "";
    const isText = /json|text/.test(type);
    const text = isText ? await response.text() : `${(await response.blob()).size} bytes of ${type || "nothing"}`;
    let body = text;
    try { body = pretty(JSON.parse(text)); } catch { /* not JSON: show the text unchanged */ }
    const known = details.responses[String(response.status)];
    output.replaceChildren(
      element("p", {}, element("span", { class: `status ${response.ok ? "good" : "bad"}` }, String(response.status)),
        ` ${known ? resolve(known).description : response.statusText} · ${took}`),
      response.status === 401 ? element("p", {}, "Sign in, or enter an API key, at the top of the page.") : "",
      body ? codeBlock(body, "Body of the response") : element("p", { class: "type" }, "No body"),
      element("details", {}, element("summary", {}, "Headers"),
        element("pre", {}, [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n"))));
  } catch (error) {
    output.replaceChildren(element("p", { class: "problem" }, `The request could not be sent: ${error.message}`));
  }
}

function accessText(details) {
  const { open, key, session } = accessOf(details);
  if (open) return session ? "public, credential optional" : "public";
  return key ? "session or API key" : "session";
}

function renderOperation(operation) {
  const { path, method, details, id } = operation;
  const fill = () => {
    let samples;
    let touched = false;
    const { form, request } = tryForm(operation, () => { touched = true; samples.show(); });
    samples = codeSamples(operation, () => (touched ? request() : exampleRequest(operation)));
    const body = bodyOf(details);
    return element("div", { class: "inside" },
      element("div", {},
        paragraphs(details.description),
        element("p", { class: "type" }, "Operation ", element("code", {}, id), " · ", element("a", { href: `#${id}` }, "link to it")),
        form,
        body ? element("details", { open: true }, element("summary", {}, "Properties of the body"), describeSchema(body.schema, 0, true)) : ""),
      element("div", {}, element("h4", {}, "Example"), samples.node, element("h4", {}, "Responses"),
        Object.entries(details.responses).map(([status, response]) => responseBlock(status, response))));
  };
  const node = element("details", { class: "operation", id },
    element("summary", {},
      element("h3", {}, element("span", { class: `method ${method}` }, method.toUpperCase()), " ", element("span", { class: "path" }, path)),
      element("span", { class: "summary" }, details.summary || ""),
      element("span", { class: "access" }, accessText(details))));
  node.addEventListener("toggle", () => {
    if (!node.open) return;
    if (!node.querySelector(".inside")) node.append(fill());
    if (location.hash !== `#${id}`) history.replaceState(null, "", `#${id}`);
  });
  return node;
}
