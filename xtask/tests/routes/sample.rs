//! The smallest value that a schema allows.

use serde_json::{Value, json};

/// Returns the schema itself, or the schema that it refers to.
pub fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let target = document.pointer(reference.trim_start_matches('#'));
            resolved(document, target.unwrap())
        }
        None => schema,
    }
}

/// Returns a value that the schema allows, with required properties only.
pub fn of(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    if let Some(example) = schema["examples"].as_array().and_then(|list| list.first()) {
        return example.clone();
    }
    if let Some(word) = schema["enum"].as_array().and_then(|list| list.first()) {
        return word.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = json!({});
        for part in parts {
            let part = of(document, part);
            whole
                .as_object_mut()
                .unwrap()
                .extend(part.as_object().unwrap().clone());
        }
        return whole;
    }
    for choices in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choices].as_array() {
            let choice = choices.iter().find(|choice| choice["type"] != "null");
            return of(document, choice.unwrap());
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("string") if schema["format"] == "date-time" => json!("2025-01-15T10:30:00.000Z"),
        Some("string") if schema["format"] == "date" => json!("2025-01-15"),
        Some("string") if schema["format"] == "email" => json!("sample@test.example"),
        Some("string") => json!("sample"),
        Some("integer" | "number") => schema["minimum"].as_i64().unwrap_or(1).into(),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        _ => required_properties(document, schema),
    }
}

fn required_properties(document: &Value, schema: &Value) -> Value {
    let names = schema["required"].as_array().into_iter().flatten();
    names
        .map(|name| {
            let name = name.as_str().unwrap();
            (name.to_owned(), of(document, &schema["properties"][name]))
        })
        .collect()
}

/// Returns objects with one of the schema's properties each.
pub fn single_fields(document: &Value, schema: &Value) -> Vec<Value> {
    let properties = resolved(document, schema)["properties"]
        .as_object()
        .into_iter()
        .flatten();
    properties
        .map(|(name, property)| json!({ name: of(document, property) }))
        .collect()
}
