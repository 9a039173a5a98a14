//! The list of dependencies and the documents of what programs contain.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use testkit::workspace;
use xtask::{sbom, tools::cargo_output};

/// Dependencies that a crate names for their features alone.
const FOR_FEATURES: [(&str, &[&str]); 3] = [
    (
        "shared",
        &[
            "aws-lc-rs",
            "crossbeam-utils",
            "getrandom-0-2",
            "num-traits",
            "sha2-0-10",
            "zeroize",
        ],
    ),
    (
        "testing",
        &[
            "crc32fast",
            "jsonwebtoken",
            "metrics-exporter-prometheus",
            "mio",
            "oauth2",
            "simd-adler32",
        ],
    ),
    ("migrate", &["testing"]),
];

/// Returns the manifests of the workspace.
async fn packages() -> Vec<Value> {
    let arguments = [
        "metadata",
        "--offline",
        "--no-deps",
        "--format-version",
        "1",
    ];
    let output = cargo_output(&arguments).await.unwrap();
    let metadata: Value = serde_json::from_slice(&output).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Returns the crates of other people that the manifests of the workspace name.
async fn direct() -> BTreeSet<String> {
    packages()
        .await
        .iter()
        .flat_map(|package| package["dependencies"].as_array().unwrap())
        // The crates of the workspace have a path instead of a source.
        .filter(|dependency| !dependency["source"].is_null())
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_direct_dependency_has_one_line_with_its_reason() {
    let text = fs::read_to_string(workspace().join("docs/dependencies.md")).unwrap();
    let mut listed = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, reason] = cells[..] else {
            panic!("two cells are expected: {line}");
        };
        assert!(reason.len() >= 4, "{line}");
        let name = name.trim_matches('`').to_owned();
        assert!(listed.insert(name), "listed twice: {line}");
    }

    let direct = direct().await;
    assert!(direct.len() > 50, "{direct:?}");
    let missing: Vec<_> = direct.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&direct).collect();
    assert!(
        missing.is_empty(),
        "not in docs/dependencies.md: {missing:?}"
    );
    assert!(
        unknown.is_empty(),
        "in docs/dependencies.md, but in no manifest: {unknown:?}"
    );
}

/// Appends the Rust sources of a folder, or of a file.
fn read_sources(path: &Path, sources: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read_sources(&entry.unwrap().path(), sources);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
        sources.push_str(&fs::read_to_string(path).unwrap());
    }
}

#[tokio::test]
async fn each_dependency_is_used_by_its_crate() {
    let is_part_of_name = |c: char| c == '_' || c.is_alphanumeric();
    let mut unused = Vec::new();
    for package in packages().await {
        let crate_name = package["name"].as_str().unwrap();
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap();
        let mut sources = String::new();
        for part in ["build.rs", "src"] {
            read_sources(&folder.join(part), &mut sources);
        }
        let of_program = sources.len();
        for part in ["tests", "examples"] {
            read_sources(&folder.join(part), &mut sources);
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["rename"]
                .as_str()
                .or(dependency["name"].as_str())
                .unwrap();
            let is_for_features = FOR_FEATURES
                .iter()
                .any(|(owner, names)| *owner == crate_name && names.contains(&name));
            let readers = if dependency["kind"] == "dev" {
                &sources[..]
            } else {
                &sources[..of_program]
            };
            let word = name.replace('-', "_");
            let is_used = readers
                .split(|c: char| !is_part_of_name(c))
                .any(|part| part == word);
            if is_used == is_for_features {
                unused.push(format!("{crate_name}: {name}"));
            }
        }
    }
    assert!(
        unused.is_empty(),
        "not used, or used and listed as unused: {unused:?}"
    );
}

fn component<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    let components = document["components"].as_array().unwrap();
    components
        .iter()
        .find(|component| component["name"] == name)
}

#[tokio::test]
async fn a_document_lists_what_is_linked_into_its_program() {
    let auth = sbom::document("auth").await.unwrap();
    let all = sbom::document("codecave").await.unwrap();

    assert_eq!(auth["metadata"]["component"]["name"], "auth");
    assert_eq!(auth["metadata"]["component"]["type"], "application");
    let sqlx = component(&auth, "sqlx").unwrap();
    assert_eq!(
        sqlx["licenses"],
        json!([{ "expression": "MIT OR Apache-2.0" }])
    );
    assert_eq!(sqlx["hashes"][0]["content"].as_str().unwrap().len(), 64);
    assert!(component(&auth, "shared").is_some());
    for absent in ["webp", "clap", "serde_derive", "testing"] {
        assert!(component(&auth, absent).is_none(), "{absent}");
    }
    assert!(component(&all, "webp").is_some());
    assert!(component(&all, "auth").is_some());
}

#[tokio::test]
async fn each_component_has_a_licence_and_each_reference_a_component() {
    let document = sbom::document("codecave").await.unwrap();

    let components = document["components"].as_array().unwrap();
    let reference = |component: &Value| component["bom-ref"].as_str().unwrap().to_owned();
    let mut references: BTreeSet<String> = components.iter().map(reference).collect();
    assert_eq!(references.len(), components.len());
    references.insert(reference(&document["metadata"]["component"]));
    for component in components {
        let license = &component["licenses"][0]["expression"];
        assert!(license.is_string(), "{component}");
    }
    for dependency in document["dependencies"].as_array().unwrap() {
        let on = dependency["dependsOn"].as_array().unwrap();
        for reference in on.iter().chain([&dependency["ref"]]) {
            assert!(
                references.contains(reference.as_str().unwrap()),
                "{reference}"
            );
        }
    }
}
