//! The OpenAPI document has exactly the mounted routes.

use std::collections::BTreeSet;

use crate::bundle::{mounted, openapi, operations};

/// Returns the file that the health function serves.
fn file() -> std::path::PathBuf {
    testkit::workspace().join("functions/health/openapi.json")
}

#[test]
fn the_document_is_up_to_date() {
    let made = serde_json::to_string_pretty(&openapi().unwrap()).unwrap() + "\n";
    if std::env::var_os(xtask::openapi::WRITE).is_some() {
        std::fs::write(file(), made).unwrap();
        return;
    }
    let present = std::fs::read_to_string(file()).unwrap();
    // `assert_eq!` would print the whole document twice.
    assert!(made == present, "run `cargo xtask openapi`");
}

#[test]
fn the_document_lists_exactly_what_is_mounted() {
    let document = openapi().unwrap();
    let described: BTreeSet<(String, String, String)> = operations(&document)
        .into_iter()
        .map(|operation| {
            (
                operation.function,
                operation.method.to_string(),
                operation.path,
            )
        })
        .collect();
    let mounted: BTreeSet<(String, String, String)> = mounted()
        .into_iter()
        .map(|route| {
            (
                route.function.to_owned(),
                route.method,
                route.path.replace("{*", "{"),
            )
        })
        .collect();

    assert_eq!(described, mounted);
}

#[test]
fn every_operation_has_a_name_and_a_summary() {
    let document = openapi().unwrap();
    for operation in operations(&document) {
        let id = &operation.id;
        assert!(
            id.chars().all(|c| c.is_ascii_alphanumeric())
                && id.starts_with(|c: char| c.is_ascii_lowercase()),
            "{id}"
        );
        let summary = operation.details["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty(), "{id} has no summary");
    }
}

/// Tools reject a null member, which must be absent instead. Examples may contain null.
#[test]
fn no_part_of_the_document_is_null() {
    fn find(place: &str, value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Null => found.push(place.to_owned()),
            serde_json::Value::Object(map) => {
                for (name, inner) in map.iter().filter(|(name, _)| !name.starts_with("example")) {
                    find(&format!("{place}/{name}"), inner, found);
                }
            }
            serde_json::Value::Array(list) => {
                for inner in list {
                    find(place, inner, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();

    find("", &openapi().unwrap(), &mut found);

    assert_eq!(found, Vec::<String>::new());
}

/// Generators of clients convert an `int64` to a big integer. No counter of this deployment reaches 2^31.
#[test]
fn integers_fit_into_32_bits() {
    let text = openapi().unwrap().to_string();

    assert_eq!(text.matches("int64").count(), 0);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi().unwrap();
    let mut values = vec![&document];
    while let Some(value) = values.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            let target = document.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{reference}");
        }
        match value {
            serde_json::Value::Object(map) => values.extend(map.values()),
            serde_json::Value::Array(list) => values.extend(list),
            _ => {}
        }
    }
}
