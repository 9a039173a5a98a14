//! Examples in the OpenAPI document. Requests are those of the events, and responses are in `examples.json`. Values without an
//! example there follow from their type.

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::events::examples::{EXAMPLES, Example, NAMES};
use crate::events::filled;

/// Examples by schema, or by schema and status. A property without an example gets that of its own schema.
const SCHEMAS: &str = include_str!("examples.json");

/// Adds an example to each parameter of a path, to each JSON body and to each JSON response of a success.
///
/// # Errors
/// If a schema has no example, and none follows from its type.
pub fn add_examples(document: &mut Value) -> anyhow::Result<()> {
    let examples = Examples {
        named: serde_json::from_str(SCHEMAS).context("examples.json is not an object")?,
        schemas: document["components"]["schemas"].clone(),
    };
    let paths = document["paths"].as_object_mut();
    for operation in paths.into_iter().flat_map(Map::values_mut) {
        let operations = operation.as_object_mut();
        for details in operations.into_iter().flat_map(Map::values_mut) {
            let id = details["operationId"].as_str().unwrap_or_default();
            let sent = EXAMPLES.iter().find(|example| example.operation == id);
            let id = id.to_owned();
            examples
                .add_to(details, sent)
                .with_context(|| format!("an example of {id}"))?;
        }
    }
    Ok(())
}

struct Examples {
    named: Map<String, Value>,
    schemas: Value,
}

impl Examples {
    fn add_to(&self, operation: &mut Value, sent: Option<&Example>) -> anyhow::Result<()> {
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(example) = value_of(parameter, sent) {
                parameter["example"] = example;
            }
        }
        let json = "/requestBody/content/application~1json";
        if let Some(media) = operation.pointer_mut(json) {
            let body = sent.map(|example| filled(example.body)).unwrap_or_default();
            media["example"] = if body.is_empty() {
                self.of(&media["schema"])?
            } else {
                serde_json::from_str(&body)?
            };
        }
        let responses = operation["responses"].as_object_mut();
        for (status, response) in responses.into_iter().flatten() {
            if let Some(media) = response.pointer_mut("/content/application~1json") {
                let name = media["schema"]["$ref"].as_str().unwrap_or_default();
                let name = name.rsplit('/').next().unwrap_or_default();
                media["example"] = match self.named.get(&format!("{name} {status}")) {
                    Some(own) => own.clone(),
                    None => self.of(&media["schema"])?,
                };
            }
        }
        Ok(())
    }

    fn of(&self, schema: &Value) -> anyhow::Result<Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return self
                .named(name)
                .with_context(|| format!("of the schema {name}"));
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[several].as_array() {
                let mut choices = choices.iter().filter(|choice| choice["type"] != "null");
                return self.of(choices.next().context("no choice")?);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.merged(parts);
        }
        match schema["type"].as_str() {
            Some("array") => Ok(Value::Array(vec![self.of(&schema["items"])?])),
            Some("object") => self.object(schema, &Map::new()),
            _ => plain(schema).with_context(|| format!("examples.json has no value for {schema}")),
        }
    }

    fn named(&self, name: &str) -> anyhow::Result<Value> {
        let own = self.named.get(name);
        let schema = &self.schemas[name];
        match own {
            Some(Value::Object(own)) => match schema["allOf"].as_array() {
                Some(parts) => self.merged_with(parts, own),
                None => self.object(schema, own),
            },
            Some(own) => Ok(own.clone()),
            None => self.of(schema),
        }
    }

    fn object(&self, schema: &Value, own: &Map<String, Value>) -> anyhow::Result<Value> {
        let mut example = Map::new();
        let properties = schema["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            let value = match own.get(name) {
                Some(value) => value.clone(),
                None => self
                    .of(property)
                    .with_context(|| format!("of the property {name}"))?,
            };
            example.insert(name.clone(), value);
        }
        Ok(example.into())
    }

    fn merged(&self, parts: &[Value]) -> anyhow::Result<Value> {
        self.merged_with(parts, &Map::new())
    }

    fn merged_with(&self, parts: &[Value], own: &Map<String, Value>) -> anyhow::Result<Value> {
        let mut whole = Map::new();
        for part in parts {
            let part = if part["properties"].is_object() {
                self.object(part, own)?
            } else {
                self.of(part)?
            };
            if let Value::Object(part) = part {
                whole.extend(part);
            }
        }
        Ok(whole.into())
    }
}

/// Returns a value of the schema's type. Null is allowed for many properties, and then it is the value.
fn plain(schema: &Value) -> Option<Value> {
    if let Some(word) = schema["enum"].get(0) {
        return Some(word.clone());
    }
    if let Some(types) = schema["type"].as_array() {
        return types.contains(&json!("null")).then_some(Value::Null);
    }
    match (schema["type"].as_str()?, schema["format"].as_str()) {
        ("string", Some("date-time")) => Some(json!("2025-01-15T10:30:00.000Z")),
        ("string", Some("date")) => Some(json!("2025-01-15")),
        ("string", _) => Some(json!("text")),
        ("integer", _) => Some(schema["minimum"].as_i64().unwrap_or(1).into()),
        ("boolean", _) => Some(json!(true)),
        _ => None,
    }
}

/// Returns the value of a parameter in the example request.
fn value_of(parameter: &Value, sent: Option<&Example>) -> Option<Value> {
    let name = parameter["name"].as_str()?;
    if parameter["in"] == "path" {
        let placeholder = format!("{{{name}}}");
        let known = NAMES.iter().find(|(known, _)| *known == placeholder);
        return known.map(|(_, value)| (*value).into());
    }
    let query = filled(sent?.query);
    let values: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect();
    let last = values.last()?.clone();
    match parameter["schema"]["type"].as_str()? {
        "array" => Some(values.into()),
        "integer" | "boolean" => serde_json::from_str(&last).ok(),
        _ => Some(last.into()),
    }
}
