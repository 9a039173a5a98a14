"use strict";
// Schemas: a description for readers, rules in words, and an example to start from.

let api;

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== ""));
  return node;
}

// Text in which backticks mark code.
function prose(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

function paragraphs(text) {
  return (text || "").split(/\n\n+/).filter(Boolean).map((paragraph) => element("p", {}, prose(paragraph)));
}

function resolve(thing) {
  if (!thing || !thing.$ref) return thing || {};
  return thing.$ref.slice(2).split("/").reduce((found, key) => found[key], api);
}

// The alternatives of a schema, without null.
function choices(schema) {
  return (schema.oneOf || schema.anyOf || []).filter((choice) => choice.type !== "null");
}

function typesOf(schema) {
  return [schema.type || []].flat().filter((type) => type !== "null");
}

function typeOf(reference) {
  if (!reference) return "any value";
  if (reference.$ref) {
    const found = resolve(reference);
    const named = reference.$ref.split("/").pop();
    return found.properties || found.allOf ? named : typeOf(found);
  }
  if (reference.allOf) return reference.allOf.map(typeOf).join(" & ");
  const several = reference.oneOf || reference.anyOf;
  if (several) return several.map(typeOf).join(" or ");
  if (reference.enum) return "one of";
  const types = [reference.type || "any value"].flat();
  return types.map((type) => (type === "array" ? `list of ${typeOf(reference.items)}` : type)).join(" or ");
}

// Returns the rules of values in addition to their type.
function rulesOf(reference) {
  const schema = resolve(reference);
  const rules = [];
  const add = (key, text) => { if (schema[key] !== undefined) rules.push(text(schema[key])); };
  if (schema.format && !["int32", "int64", "double"].includes(schema.format)) {
    rules.push({ "date-time": "date and time (ISO 8601)", date: "date (YYYY-MM-DD)", email: "e-mail address" }[schema.format] || schema.format);
  }
  if (schema.minLength !== undefined && schema.maxLength !== undefined) rules.push(`${schema.minLength} to ${schema.maxLength} characters`);
  else {
    if (schema.minLength > 1) rules.push(`at least ${schema.minLength} characters`);
    add("maxLength", (value) => `at most ${value} characters`);
  }
  if (schema.minimum !== undefined && schema.maximum !== undefined && schema.maximum < 2147483647) rules.push(`${schema.minimum} to ${schema.maximum}`);
  else if (schema.minimum > 0) rules.push(`at least ${schema.minimum}`);
  add("maxItems", (value) => `at most ${value} items`);
  if (schema.items) {
    const inner = rulesOf(schema.items).filter((rule) => typeof rule === "string");
    if (inner.length) rules.push(`each ${inner.join(", ")}`);
  }
  add("pattern", (value) => element("code", {}, value));
  return rules;
}

function typeLine(reference) {
  const schema = resolve(reference);
  const words = schema.enum || (schema.items && resolve(schema.items).enum);
  const line = [typeOf(reference)];
  if (words) {
    line.push(" ", ...words.flatMap((word, index) => [index ? ", " : "", element("code", {}, String(word))]));
  }
  for (const rule of rulesOf(reference)) line.push(", ", rule);
  return element("span", { class: "type" }, line);
}

// A list of properties. Nested schemas unfold on demand, so a recursive schema ends.
function describeSchema(reference, depth = 0, asked = false) {
  const schema = resolve(reference);
  const parts = [...(schema.allOf || []), ...choices(schema)];
  if (parts.length) {
    const alternatives = !schema.allOf && parts.length > 1;
    return element("div", {}, parts.flatMap((part, index) =>
      [alternatives && index ? element("p", { class: "type" }, "or") : "", describeSchema(part, depth, asked)]));
  }
  if (schema.items && typesOf(schema).includes("array")) {
    const intro = depth === 0 ? element("p", { class: "type" }, typeOf(reference), rulesOf(schema).length ? [", ", rulesOf(schema).join(", ")] : "") : "";
    return element("div", {}, intro, describeSchema(schema.items, depth, asked));
  }
  const properties = Object.entries(schema.properties || {});
  if (!properties.length) return depth === 0 ? element("p", {}, typeLine(reference)) : element("span");
  const required = schema.required || [];
  return element("ul", { class: "schema" }, properties.map(([name, property]) => {
    const inner = resolve(property);
    const mark = asked && required.includes(name) ? element("span", { class: "required" }, "required")
      : !asked && !required.includes(name) ? element("span", { class: "optional" }, "may be absent") : "";
    const about = property.description || (property.$ref ? "" : inner.description);
    const line = [element("code", { class: "name" }, name), " ", typeLine(property), " ", mark,
      about ? element("div", { class: "about" }, prose(about)) : ""];
    const single = choices(inner).length === 1 ? resolve(choices(inner)[0]) : inner;
    const items = single.items ? resolve(single.items) : single;
    if (!(items.properties || items.allOf || choices(items).length) || depth > 4) return element("li", {}, line);
    const body = element("details", {}, element("summary", {}, line));
    body.addEventListener("toggle", () => body.append(describeSchema(property, depth + 1, asked)), { once: true });
    return element("li", {}, body);
  }));
}

// A value for a schema that has no example.
function exampleOf(reference, depth = 0) {
  const schema = resolve(reference);
  if (schema.examples) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, depth)));
  if (choices(schema).length) return exampleOf(choices(schema)[0], depth);
  const type = typesOf(schema)[0] || "object";
  if (type === "array") return depth > 3 ? [] : [exampleOf(schema.items, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum || 0;
  if (type === "boolean") return true;
  if (type === "string") return schema.format === "date-time" ? "2025-01-15T10:30:00.000Z" : "text";
  if (depth > 3) return {};
  return Object.fromEntries((schema.required || []).map((name) => [name, exampleOf(schema.properties[name], depth + 1)]));
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}
