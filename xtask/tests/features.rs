//! A crate's tests use the builds that those of the workspace use, so that no dependency is compiled twice.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{collections::BTreeSet, process::Command};

use testkit::{cargo::cargo, workspace};

/// The crates whose tests are run one by one.
const CRATES: [&str; 8] = [
    "auth", "users", "projects", "social", "health", "migrate", "shared", "xtask",
];

/// Each crate that the selection compiles, with its features.
fn features(selection: &[&str]) -> BTreeSet<String> {
    let output = Command::new(cargo())
        .args(["tree", "--offline", "--edges", "normal,build,dev"])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p} {f}"])
        .args(selection)
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().map(str::to_owned).collect()
}

#[test]
fn tests_of_one_crate_use_the_features_of_the_workspace() {
    let workspace = features(&["--workspace"]);
    assert!(workspace.len() > 300, "{}", workspace.len());

    for name in CRATES {
        let crates = features(&["--package", name]);
        let others: Vec<_> = crates.difference(&workspace).collect();
        assert!(
            others.is_empty(),
            "`cargo test --package {name}` compiles these once more, with other features than the workspace; \
             shared/testing/Cargo.toml can enable the missing ones: {others:#?}"
        );
    }
}
