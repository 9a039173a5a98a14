
"use strict";
// Schemas: a description for readers, and an example to start from.

let api;

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== ""));
  return node;
}

// A paragraph in which text between backticks is code.
function prose(text) {
  const parts = (text || "").split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
  return element("span", {}, ...parts);
}

function resolve(thing) {
  if (!thing || !thing.$ref) return thing || {};
  return thing.$ref.slice(2).split("/").reduce((found, key) => found[key], api);
}

function nameOf(schema) {
  return schema && schema.$ref ? schema.$ref.split("/").pop() : undefined;
}

// The alternatives of a schema, without null.
function choices(schema) {
  return (schema.oneOf || schema.anyOf || []).filter((choice) => choice.type !== "null");
}

function typeOf(reference) {
  if (!reference) return "any value";
  const schema = resolve(reference);
  const name = nameOf(reference);
  if (name) return name;
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  const several = schema.oneOf || schema.anyOf;
  if (several) return several.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const types = [schema.type || "any value"].flat();
  return types.map((type) => (type === "array" ? `${typeOf(schema.items)}[]` : type)).join(" | ");
}

function limitsOf(schema) {
  const limits = [];
  const add = (key, text) => { if (schema[key] !== undefined) limits.push(text(schema[key])); };
  add("format", (value) => value);
  add("minLength", (value) => `at least ${value} characters`);
  add("maxLength", (value) => `at most ${value} characters`);
  add("minimum", (value) => `≥ ${value}`);
  add("maximum", (value) => `≤ ${value}`);
  add("maxItems", (value) => `at most ${value} items`);
  add("pattern", (value) => value);
  return limits.join(", ");
}

// A list of properties. Nested schemas unfold on demand, so a recursive schema ends.
function describeSchema(reference, depth = 0) {
  const schema = resolve(reference);
  const parts = [...(schema.allOf || []), ...choices(schema)];
  if (parts.length) return element("div", {}, ...parts.map((part) => describeSchema(part, depth)));
  if (schema.type === "array" || (Array.isArray(schema.type) && schema.items)) {
    return element("div", {}, element("span", { class: "type" }, `list of ${typeOf(schema.items)}`), describeSchema(schema.items, depth));
  }
  const properties = Object.entries(schema.properties || {});
  if (!properties.length) {
    return depth === 0 ? element("p", { class: "type" }, typeOf(reference), " ", limitsOf(schema)) : element("span");
  }
  const required = schema.required || [];
  return element("ul", { class: "schema" }, ...properties.map(([name, property]) => {
    const inner = resolve(property);
    const line = [
      element("code", { class: required.includes(name) ? "required" : "" }, name), " ",
      element("span", { class: "type" }, typeOf(property), " ", limitsOf(inner)), " ",
      inner.description && !property.$ref ? prose(inner.description) : "",
    ];
    const nested = inner.properties || inner.items || inner.allOf || choices(inner).length;
    if (!nested || depth > 4) return element("li", {}, ...line);
    const body = element("details", {}, element("summary", {}, ...line));
    body.addEventListener("toggle", () => body.append(describeSchema(property, depth + 1)), { once: true });
    return element("li", {}, body);
  }));
}

// An example with the required fields only, so that sending it unchanged has no unexpected effect.
function exampleOf(reference, depth = 0) {
  const schema = resolve(reference);
  if (schema.examples) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, depth)));
  if (choices(schema).length) return exampleOf(choices(schema)[0], depth);
  const type = [schema.type || "object"].flat()[0];
  if (type === "array") return depth > 3 ? [] : [exampleOf(schema.items, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum || 0;
  if (type === "boolean") return true;
  if (type === "string") return schema.format === "date-time" ? new Date().toISOString() : "";
  if (depth > 3) return {};
  return Object.fromEntries((schema.required || []).map((name) => [name, exampleOf(schema.properties[name], depth + 1)]));
}
