//! Features of dependencies, which all builds share so that no dependency is compiled twice.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use xtask::{bundle::FUNCTIONS, tools::cargo_output};

/// Crates whose tests developers run alone.
const CRATES: [&str; 9] = [
    "auth", "users", "projects", "social", "health", "migrate", "codecave", "shared", "xtask",
];

/// Kinds of the dependencies of a test.
const TESTS: &str = "normal,build,dev";
/// Kinds of the dependencies of a deployed function.
const DEPLOYED: &str = "normal,build";

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

#[tokio::test]
async fn functions_are_deployed_with_the_same_builds_of_their_dependencies() {
    // The features of a crate, by its name and version, and a function that has them.
    let mut known: BTreeMap<String, (BTreeSet<String>, &str)> = BTreeMap::new();
    for function in FUNCTIONS {
        let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in features(DEPLOYED, &["--package", function]).await {
            let mut words = line.splitn(3, ' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap_or_default().to_owned();
            crates
                .entry(format!("{name} {version}"))
                .or_default()
                .insert(rest);
        }
        assert!(crates.len() > 200, "{function}: {}", crates.len());
        for (name, features) in crates {
            let (others, first) = known
                .entry(name.clone())
                .or_insert_with(|| (features.clone(), function));
            // A crate that a macro needs may be built once more for the function itself.
            assert!(
                others.is_subset(&features) || others.is_superset(&features),
                "{first} builds {name} with {others:?} and {function} with {features:?}, so it and all that depend on \
                 it are compiled twice; shared/Cargo.toml can enable the missing ones"
            );
        }
    }
}
