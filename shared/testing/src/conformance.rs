//! Checks that the responses that tests receive conform to the OpenAPI document.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use axum::http::{HeaderMap, Method, StatusCode, header};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The file that `cargo xtask openapi` wrote. Another test fails if the file is out of date.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../functions/health/openapi.json"
    );
    let text = fs::read(path).expect("the document can be read");
    serde_json::from_slice(&text).expect("the document is JSON")
});

/// Compiled schemas, by operation and status.
static VALIDATORS: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// Panics if the document does not allow the response. Ignores groups and routes that are not in the document.
pub fn check(
    group: &str,
    method: &Method,
    path: &str,
    (status, headers, body): (StatusCode, &HeaderMap, &[u8]),
) {
    let Some(operation) = find(group, method, path) else {
        return;
    };
    let id = operation["operationId"].as_str().unwrap_or_default();
    let answer = &operation["responses"][status.as_str()];
    assert!(
        !answer.is_null(),
        "{id} responds with {status}, which is not in the document: {}",
        String::from_utf8_lossy(body)
    );
    let answer = resolve(answer);
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    let Some(media_type) = media_type.filter(|_| method != Method::HEAD) else {
        return;
    };
    // On some routes, a missing credential gets a 401 without a body, and an invalid API key a 401 with a message. OpenAPI cannot
    // describe both.
    if status == StatusCode::UNAUTHORIZED && answer["content"].is_null() {
        return;
    }
    let media = &answer["content"][media_type];
    assert!(
        media.is_object() || body.is_empty(),
        "{id} responds with {status} and {media_type}, which is not in the document"
    );
    if media_type != "application/json" || body.is_empty() {
        return;
    }
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let errors: Vec<String> = validator(&format!("{id} {status}"), &media["schema"])
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{id} responds with {status} and a body that the document does not allow: {errors:?} in {body}"
    );
}

/// Returns the operation that serves the path. Literal segments precede parameters. Better Auth's methods and paths must
/// match exactly.
fn find(group: &str, method: &Method, path: &str) -> Option<&'static Value> {
    let (method, path) = match (method, path) {
        _ if group == "auth" => (method, path),
        (&Method::HEAD, path) => (&Method::GET, path.strip_suffix('/').unwrap_or(path)),
        _ => (method, path.strip_suffix('/').unwrap_or(path)),
    };
    let asked: Vec<&str> = path.split('/').collect();
    DOCUMENT["paths"]
        .as_object()?
        .iter()
        .filter(|(template, _)| {
            let segments: Vec<&str> = template.trim_end_matches('/').split('/').collect();
            segments.len() == asked.len()
                && segments.iter().zip(&asked).all(|(segment, asked)| {
                    segment == asked || (segment.starts_with('{') && !asked.is_empty())
                })
        })
        .min_by_key(|(template, _)| template.matches('{').count())
        .map(|(_, operations)| &operations[method.as_str().to_lowercase()])
        .filter(|operation| operation["x-function"] == group)
}

/// Returns the target of a reference, or the value itself.
fn resolve(thing: &'static Value) -> &'static Value {
    thing["$ref"]
        .as_str()
        .and_then(|reference| DOCUMENT.pointer(reference.trim_start_matches('#')))
        .unwrap_or(thing)
}

fn validator(name: &str, schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validators = validators.get_or_insert_default();
    if let Some(validator) = validators.get(name) {
        return validator.clone();
    }
    // References point to the components of the document.
    let mut whole: Map<String, Value> = schema.as_object().cloned().unwrap_or_default();
    whole.insert(
        "components".to_owned(),
        json!({ "schemas": DOCUMENT["components"]["schemas"] }),
    );
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&Value::Object(whole))
        .expect("the document's schemas are valid");
    let validator = Arc::new(validator);
    validators.insert(name.to_owned(), validator.clone());
    validator
}
