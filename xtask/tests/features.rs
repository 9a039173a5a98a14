//! Features of dependencies, which all builds share so that no dependency is compiled twice.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;

use xtask::{bundle::FUNCTIONS, tools::cargo_output};

/// Crates whose tests developers run alone.
const CRATES: [&str; 9] = [
    "auth", "users", "projects", "social", "health", "migrate", "codecave", "shared", "xtask",
];

/// Kinds of the dependencies of a test.
const TESTS: &str = "normal,build,dev";
/// Kinds of the dependencies of a deployed function, without those that run in the compiler and have features of their own.
const DEPLOYED: &str = "normal,no-proc-macro";

/// Returns each crate that the selection compiles, with its features.
async fn features(edges: &str, selection: &[&str]) -> BTreeSet<String> {
    let mut arguments = vec!["tree", "--offline", "--edges", edges];
    arguments.extend(["--prefix", "none", "--format", "{p} {f}"]);
    arguments.extend(selection);
    let tree = String::from_utf8(cargo_output(&arguments).await.unwrap()).unwrap();
    // A star marks a crate that was listed before.
    tree.lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect()
}

#[tokio::test]
async fn tests_of_one_crate_use_the_features_of_the_workspace() {
    let workspace = features(TESTS, &["--workspace"]).await;
    assert!(workspace.len() > 300, "{}", workspace.len());

    for name in CRATES {
        let crates = features(TESTS, &["--package", name]).await;
        let others: Vec<_> = crates.difference(&workspace).collect();
        assert!(
            others.is_empty(),
            "`cargo test --package {name}` compiles these once more, with other features than the workspace; \
             shared/testing/Cargo.toml can enable the missing ones: {others:#?}"
        );
    }
}

/// `sam build` builds one function after the other. `cargo xtask sam` builds all of them at once before, so that it finds
/// them built.
#[tokio::test]
async fn functions_are_deployed_with_the_same_builds_of_their_dependencies() {
    let packages = |names: &[&'static str]| -> Vec<&'static str> {
        names.iter().flat_map(|name| ["--package", name]).collect()
    };
    let together = features(DEPLOYED, &packages(&FUNCTIONS)).await;
    assert!(together.len() > 200, "{}", together.len());

    for function in FUNCTIONS {
        let alone = features(DEPLOYED, &packages(&[function])).await;
        let others: Vec<_> = alone.difference(&together).collect();
        assert!(
            others.is_empty(),
            "{function} alone is built with other features than together with the others, so these and all that depend \
             on them are compiled twice; shared/Cargo.toml can enable the missing ones: {others:#?}"
        );
    }
}
