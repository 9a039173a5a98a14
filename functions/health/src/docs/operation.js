
// One operation: its parameters, body and responses, and a form that sends it with the session's cookie.

function accessOf(operation) {
  const ways = operation.security || [];
  if (ways.some((way) => Object.keys(way).length === 0)) return "public";
  return ways.some((way) => "apiKey" in way) ? "session or API key" : "session";
}

function parameterRow(parameter, inputs) {
  const schema = resolve(parameter.schema);
  const input = element("input", { "aria-label": parameter.name, placeholder: schema.type === "array" ? "comma-separated" : "" });
  inputs.push({ parameter, schema, input });
  return element("tr", {},
    element("td", {}, element("code", { class: parameter.required ? "required" : "" }, parameter.name), element("div", { class: "type" }, parameter.in)),
    element("td", {}, prose(parameter.description), element("div", { class: "type" }, typeOf(parameter.schema), " ", limitsOf(schema))),
    element("td", {}, input));
}

function responseRow(status, reference) {
  const response = resolve(reference);
  const content = Object.entries(response.content || {});
  const headers = Object.keys(response.headers || {}).filter((name) => name !== "X-Request-Id");
  const body = content.map(([type, media]) => {
    const details = element("details", {}, element("summary", {}, element("span", { class: "type" }, `${type}: ${typeOf(media.schema)}`)));
    if (media.schema) details.addEventListener("toggle", () => details.append(describeSchema(media.schema)), { once: true });
    return details;
  });
  return element("tr", {},
    element("td", { class: Number(status) < 400 ? "status-good" : "status-bad" }, status),
    element("td", {}, prose(response.description), headers.length ? element("div", { class: "type" }, headers.join(", ")) : "", ...body));
}

function requestOf(path, inputs) {
  const headers = {};
  const query = new URLSearchParams();
  let target = path;
  for (const { parameter, schema, input } of inputs) {
    const value = input.value;
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === "") continue;
    else if (parameter.in === "header") headers[parameter.name] = value;
    else if (schema.type === "array") value.split(",").forEach((part) => query.append(parameter.name, part.trim()));
    else query.append(parameter.name, value);
  }
  const text = query.toString();
  return { target: text ? `${target}?${text}` : target, headers };
}

async function show(output, send) {
  output.replaceChildren("Sending …");
  const started = performance.now();
  try {
    const response = await send();
    const text = await response.text();
    let body = text;
    try { body = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: show the text unchanged */ }
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    output.replaceChildren(
      element("p", { class: response.ok ? "status-good" : "status-bad" },
        `${response.status || "redirect"} ${response.statusText} · ${Math.round(performance.now() - started)} ms`),
      element("details", {}, element("summary", { class: "type" }, "Headers"), element("pre", {}, headers)),
      body ? element("pre", {}, body) : "");
  } catch (error) {
    output.replaceChildren(element("p", { class: "status-bad" }, String(error)));
  }
}

function renderOperation(path, method, operation) {
  const inputs = [];
  const parameters = (operation.parameters || []).map(resolve);
  const media = operation.requestBody && Object.entries(resolve(operation.requestBody).content)[0];
  const body = media && element("textarea", { spellcheck: "false", "aria-label": "Body" });
  if (body) body.value = JSON.stringify(exampleOf(media[1].schema), null, 2);
  const output = element("div", { "aria-live": "polite" });

  const send = () => show(output, () => {
    const { target, headers } = requestOf(path, inputs);
    const options = { method: method.toUpperCase(), headers, credentials: "include", redirect: "manual" };
    if (body && body.value.trim()) {
      headers["Content-Type"] = media[0];
      options.body = body.value;
    }
    return fetch(target, options);
  });

  const fill = (inside) => inside.append(
    operation.description ? element("p", {}, prose(operation.description)) : "",
    element("p", { class: "type" }, operation.operationId),
    ...(parameters.length ? [element("h3", {}, "Parameters"), element("table", {}, ...parameters.map((parameter) => parameterRow(parameter, inputs)))] : []),
    ...(body ? [element("h3", {}, "Body"), describeSchema(media[1].schema), body] : []),
    element("p", {}, element("button", { class: "primary", onclick: send }, "Send")),
    output,
    element("h3", {}, "Responses"),
    element("table", {}, ...Object.entries(operation.responses).map(([status, response]) => responseRow(status, response))));

  const details = element("details", { class: "operation", id: operation.operationId },
    element("summary", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("span", { class: "path" }, path),
      element("span", { class: "summary" }, operation.summary || ""),
      element("span", { class: "access" }, accessOf(operation))));
  details.addEventListener("toggle", () => {
    const inside = element("div", { class: "inside" });
    fill(inside);
    details.append(inside);
  }, { once: true });
  return details;
}
