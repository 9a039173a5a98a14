//! Features of dependencies, which all builds share so that no dependency is compiled twice.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::workspace;
use xtask::{bundle::FUNCTIONS, manifest::Manifest, template::Stack, tools::cargo_output};

/// Crates whose tests developers run alone.
const CRATES: [&str; 9] = [
    "auth", "users", "projects", "social", "health", "migrate", "codecave", "shared", "xtask",
];

/// Crates that need fewer features of a crate of the workspace than the whole workspace: no response is made of the types of
/// `platform` there, and measured programs have no descriptions.
const WITH_FEWER: [(&str, &str); 2] = [("platform", "platform"), ("bench", "shared")];

/// Kinds of the dependencies of a test.
const TESTS: &str = "normal,build,dev";
/// Those of them that are part of the test, without those that run in the compiler and have features of their own.
const IN_TESTS: &str = "normal,dev,no-proc-macro";
/// Kinds of the dependencies of a deployed function, without those that run in the compiler.
const DEPLOYED: &str = "normal,no-proc-macro";

/// Returns each crate that the selection compiles, with its features.
async fn features<S: AsRef<str>>(edges: &str, selection: &[S]) -> BTreeSet<String> {
    let mut arguments = vec!["tree", "--offline", "--edges", edges];
    arguments.extend(["--prefix", "none", "--format", "{p} {f}"]);
    arguments.extend(selection.iter().map(AsRef::as_ref));
    let tree = String::from_utf8(cargo_output(&arguments).await.unwrap()).unwrap();
    // A star marks a crate that was listed before.
    tree.lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect()
}

#[tokio::test]
async fn tests_of_one_crate_use_the_features_of_the_workspace() {
    for edges in [TESTS, IN_TESTS] {
        let workspace = features(edges, &["--workspace"]).await;
        assert!(workspace.len() > 300, "{}", workspace.len());

        for name in CRATES {
            let crates = features(edges, &["--package", name]).await;
            let others: Vec<_> = crates.difference(&workspace).collect();
            assert!(
                others.is_empty(),
                "`cargo test --package {name}` compiles these once more, with other features than the workspace; \
                 shared/testing/Cargo.toml can enable the missing ones: {others:#?}"
            );
        }
    }
}

/// A crate that uses something behind a feature, without enabling it, compiles only together with others.
#[tokio::test]
async fn a_crate_alone_has_the_features_of_the_workspaces_crates_that_it_needs() {
    let workspace_features = features(TESTS, &["--workspace"]).await;
    let folder = format!("({}", workspace().display());
    let mut lacking = Vec::new();
    let mut members = Manifest::read().await.unwrap().crates();
    // The test above compares all features of these.
    members.retain(|member| !CRATES.contains(&&member[..]));
    assert!(members.len() > 5, "{members:?}");
    for member in members {
        let crates = features(TESTS, &["--package", &member]).await;
        for other in crates.difference(&workspace_features) {
            let name = other.split(' ').next().unwrap();
            if other.contains(&folder) && !WITH_FEWER.contains(&(&member, name)) {
                lacking.push(format!("{member}: {other}"));
            }
        }
    }
    assert!(
        lacking.is_empty(),
        "these are built with fewer features than in the workspace: {lacking:#?}"
    );
}

/// Returns the packages that cargo-lambda builds for each function, by its name: those of its manifest, or else the function.
/// <https://www.cargo-lambda.info/guide/configuration.html>
async fn deployed() -> Vec<(String, Vec<String>)> {
    let manifest = Manifest::read().await.unwrap();
    let functions = Stack::new(&[], &[]).unwrap().functions().unwrap();
    let functions = functions.into_iter().map(|function| function.binary);
    functions
        .map(|name| {
            let built = &manifest.crate_metadata(&name)["lambda"]["build"]["packages"];
            let built = match built {
                Value::Null => vec![name.clone()],
                packages => serde_json::from_value(packages.clone()).unwrap(),
            };
            (name, built)
        })
        .collect()
}

/// `sam build` builds one function after the other. `cargo xtask sam` builds all of them at once before, so that it finds
/// them built.
#[tokio::test]
async fn functions_are_deployed_with_the_same_builds_of_their_dependencies() {
    let selection = |names: &[String]| -> Vec<String> {
        names
            .iter()
            .map(|name| format!("--package={name}"))
            .collect()
    };
    let functions = deployed().await;
    let names: Vec<_> = functions.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), FUNCTIONS.len() + 1, "{names:?}");
    let together = features(DEPLOYED, &selection(&names)).await;
    assert!(together.len() > 200, "{}", together.len());

    for (function, packages) in functions {
        assert!(packages.contains(&function), "{function}: {packages:?}");
        let alone = features(DEPLOYED, &selection(&packages)).await;
        let others: Vec<_> = alone.difference(&together).collect();
        assert!(
            others.is_empty(),
            "{function} alone is built with other features than together with the others, so these and all that depend \
             on them are compiled twice; shared/Cargo.toml can enable the missing ones: {others:#?}"
        );
    }
}
