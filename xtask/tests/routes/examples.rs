//! The examples of the OpenAPI document conform to its schemas.

use serde_json::{Value, json};

use crate::bundle::openapi;

/// A schema, an example of it, and their location in the document.
struct Case {
    place: String,
    schema: Value,
    example: Value,
}

/// Collects every parameter, header and media type that has an example and a schema.
fn collect(place: &str, value: &Value, cases: &mut Vec<Case>) {
    match value {
        Value::Object(map) => {
            if let Some(example) = map.get("example") {
                cases.push(Case {
                    place: place.to_owned(),
                    schema: map["schema"].clone(),
                    example: example.clone(),
                });
            }
            for (name, inner) in map.iter().filter(|(name, _)| *name != "example") {
                collect(&format!("{place}/{name}"), inner, cases);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                collect(&format!("{place}/{index}"), inner, cases);
            }
        }
        _ => {}
    }
}

#[test]
fn every_example_conforms_to_its_schema() {
    let document = openapi().unwrap();
    let mut cases = Vec::new();
    collect("", &document["paths"], &mut cases);
    for part in ["parameters", "headers", "responses"] {
        collect(part, &document["components"][part], &mut cases);
    }
    assert!(cases.len() > 150, "{} examples", cases.len());

    let mut problems = Vec::new();
    for Case {
        place,
        schema,
        example,
    } in cases
    {
        let mut whole = schema.as_object().cloned().unwrap_or_default();
        let schemas = &document["components"]["schemas"];
        whole.insert("components".to_owned(), json!({ "schemas": schemas }));
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&Value::Object(whole))
            .unwrap();
        let errors = validator.iter_errors(&example);
        problems.extend(errors.map(|error| format!("{place}{}: {error}", error.instance_path())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_body_and_every_json_response_has_an_example() {
    let document = openapi().unwrap();
    let mut missing = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let mut media = vec![&operation["requestBody"]["content"]["application/json"]];
            let responses = operation["responses"].as_object().unwrap().values();
            media.extend(responses.map(|response| {
                let found = response["$ref"].as_str().map_or(response, |reference| {
                    document.pointer(reference.trim_start_matches('#')).unwrap()
                });
                &found["content"]["application/json"]
            }));
            if media
                .iter()
                .any(|media| media.is_object() && media["example"].is_null())
            {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
