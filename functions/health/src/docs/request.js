
// Requests: the fields of a form, their rules, and the same request for curl and TypeScript.

// Every operation with its place in the document.
function operations() {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, details]) => ({ path, method, details, id: details.operationId })));
}

function parametersOf(details) {
  return (details.parameters || []).map(resolve);
}

function bodyOf(details) {
  const content = details.requestBody && resolve(details.requestBody).content;
  if (!content) return undefined;
  const [type, media] = Object.entries(content)[0];
  return { type, schema: media.schema, example: media.example === undefined ? exampleOf(media.schema) : media.example,
    required: resolve(details.requestBody).required === true };
}

// The control for a parameter: a select for closed lists, else a field with the rules of the schema.
function controlFor(parameter, id) {
  const schema = resolve(parameter.schema);
  const common = { id, name: parameter.name, "aria-describedby": `${id}-rules ${id}-problem`, required: parameter.required === true };
  const words = schema.enum || (schema.type === "boolean" ? ["true", "false"] : undefined);
  if (words) {
    const none = element("option", { value: "" }, parameter.required ? "Choose …" : "—");
    return element("select", common, none, words.map((word) => element("option", { value: word }, word)));
  }
  const shown = parameter.example === undefined ? "" : [parameter.example].flat().join(", ");
  const numeric = ["integer", "number"].includes(schema.type);
  return element("input", {
    ...common, type: numeric ? "number" : schema.format === "date" ? "date" : "text", placeholder: shown,
    min: numeric ? schema.minimum : undefined, max: numeric ? schema.maximum : undefined, autocomplete: "off", spellcheck: "false",
  });
}

function valuesOf(parameter, control) {
  const text = control.value.trim();
  if (!text) return [];
  return resolve(parameter.schema).type === "array" ? text.split(",").map((part) => part.trim()).filter(Boolean) : [text];
}

// The first rule that a field breaks, in words.
function problemOf(parameter, control) {
  const schema = resolve(parameter.schema);
  const values = valuesOf(parameter, control);
  if (!values.length) return parameter.required ? `${parameter.name} is required` : "";
  if (schema.maxItems && values.length > schema.maxItems) return `${parameter.name} takes at most ${schema.maxItems} values`;
  for (const value of values) {
    const item = schema.type === "array" ? resolve(schema.items) : schema;
    const length = [...value].length;
    if (item.maxLength && length > item.maxLength) return `${parameter.name} is longer than ${item.maxLength} characters`;
    if (item.minLength && length < item.minLength) return `${parameter.name} is shorter than ${item.minLength} characters`;
    if (item.pattern && !new RegExp(item.pattern, "u").test(value)) return `${parameter.name} does not match ${item.pattern}`;
    if (item.type === "integer" && !/^-?\d+$/.test(value)) return `${parameter.name} is not an integer`;
    if (item.minimum !== undefined && Number(value) < item.minimum) return `${parameter.name} is less than ${item.minimum}`;
    if (item.maximum !== undefined && Number(value) > item.maximum) return `${parameter.name} is greater than ${item.maximum}`;
    if (item.format === "date-time" && Number.isNaN(Date.parse(value))) return `${parameter.name} is not a date and time`;
  }
  return "";
}

// Returns the error in the text of a body before it is sent.
function bodyProblem(body, text) {
  if (!text.trim()) return body.required ? "The body is required" : "";
  let value;
  try { value = JSON.parse(text); } catch (error) { return `The body is not JSON: ${error.message}`; }
  const schema = resolve(body.schema);
  if (!schema.properties) return "";
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "The body must be an object";
  const missing = (schema.required || []).filter((name) => !(name in value));
  if (missing.length) return `The body lacks ${missing.join(", ")}`;
  const unknown = schema.additionalProperties === false ? Object.keys(value).filter((name) => !(name in schema.properties)) : [];
  return unknown.length ? `The body has the unknown property ${unknown.join(", ")}` : "";
}

// A request as plain data: values by place, and the text of the body.
function emptyRequest({ method, path }) {
  return { method: method.toUpperCase(), path, pathValues: {}, query: [], headers: {}, body: undefined };
}

function exampleRequest(operation) {
  const request = emptyRequest(operation);
  for (const parameter of parametersOf(operation.details)) {
    if (parameter.in === "path") request.pathValues[parameter.name] = parameter.example === undefined ? `{${parameter.name}}` : parameter.example;
    else if (parameter.in === "query" && parameter.example !== undefined) {
      for (const value of [parameter.example].flat()) request.query.push([parameter.name, String(value)]);
    }
  }
  const body = bodyOf(operation.details);
  if (body) {
    request.body = pretty(body.example);
    request.headers["Content-Type"] = body.type;
  }
  return request;
}

function targetOf(request) {
  const path = Object.entries(request.pathValues).reduce((path, [name, value]) =>
    path.replace(`{${name}}`, String(value).startsWith("{") ? value : encodeURIComponent(value)), request.path);
  const query = new URLSearchParams(request.query).toString();
  return query ? `${path}?${query}` : path;
}

// Whether an operation takes a key, and whether it needs a credential.
function accessOf(details) {
  const ways = details.security || [];
  const open = ways.some((way) => Object.keys(way).length === 0);
  const key = ways.some((way) => "apiKey" in way);
  return { open, key, session: ways.some((way) => "session" in way) };
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curlOf(operation, request) {
  const access = accessOf(operation.details);
  const lines = [`curl ${request.method === "GET" ? "" : `-X ${request.method} `}${quoted(location.origin + targetOf(request))}`];
  if (!access.open) lines.push(access.key ? `-H "x-api-key: $CODECAVE_API_KEY"` : `-H "Cookie: better-auth.session_token=$SESSION"`);
  for (const [name, value] of Object.entries(request.headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (request.body !== undefined) lines.push(`-d ${quoted(request.body)}`);
  return lines.join(" \\\n  ");
}

function keyText(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

// A value as TypeScript writes it, without quotes around names.
function literal(value, indent) {
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, inner)).join(", ")}]`;
  if (value && typeof value === "object") {
    const entries = Object.entries(value).map(([name, item]) => `${keyText(name)}: ${literal(item, inner)}`);
    if (!entries.length) return "{}";
    const line = `{ ${entries.join(", ")} }`;
    return line.length + indent.length < 76 ? line : `{\n${inner}${entries.join(`,\n${inner}`)},\n${indent}}`;
  }
  return JSON.stringify(value);
}

function typeScriptOf(operation, request) {
  const options = {};
  const typed = (name, value) => {
    const parameter = parametersOf(operation.details).find((parameter) => parameter.name === name);
    const schema = parameter ? resolve(parameter.schema) : {};
    return schema.type === "integer" || schema.type === "boolean" ? JSON.parse(value) : value;
  };
  if (Object.keys(request.pathValues).length) options.path = request.pathValues;
  for (const [name, value] of request.query) {
    options.query = options.query || {};
    const list = parametersOf(operation.details).some((parameter) => parameter.name === name && resolve(parameter.schema).type === "array");
    if (list) options.query[name] = [...(options.query[name] || []), value];
    else options.query[name] = typed(name, value);
  }
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== "Content-Type"));
  if (Object.keys(headers).length) options.headers = headers;
  if (request.body !== undefined) {
    try { options.body = JSON.parse(request.body); } catch { options.body = {}; }
  }
  const empty = !Object.keys(options).length;
  return `import { configure, ${operation.id} } from "@codecave/api";\n\n` +
    `configure({ baseUrl: ${JSON.stringify(location.origin)} });\n` +
    `const { data, error } = await ${operation.id}(${empty ? "" : literal(options, "")});`;
}
