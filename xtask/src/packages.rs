//! The crates of the workspace.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use testkit::{cargo::cargo, workspace};
use tokio::process::Command;

/// Output of `cargo metadata`: <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

/// Returns the names of the crates, in cargo's order.
pub async fn names() -> anyhow::Result<Vec<String>> {
    let output = Command::new(cargo())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace())
        .output()
        .await
        .context("cargo cannot be run")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(metadata
        .packages
        .into_iter()
        .map(|package| package.name)
        .collect())
}
