//! The workspace as its manifests describe it.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::Value;
use testkit::{cargo::cargo, workspace};
use tokio::process::Command;

/// Output of `cargo metadata`: <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    packages: Vec<Package>,
    /// The table `workspace.metadata`.
    pub metadata: Value,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

impl Manifest {
    /// Reads the manifests of this workspace.
    ///
    /// # Errors
    /// If cargo cannot be run, or rejects a manifest.
    pub async fn read() -> anyhow::Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(workspace())
            .output()
            .await
            .context("cargo cannot be run")?;
        ensure!(
            output.status.success(),
            "Cargo.toml cannot be read: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Returns the folders of the crates by name.
    pub fn folders(self) -> BTreeMap<String, PathBuf> {
        self.packages
            .into_iter()
            .filter_map(|package| Some((package.name, package.manifest_path.parent()?.to_owned())))
            .collect()
    }

    /// Returns the names of the crates, in cargo's order.
    pub fn crates(self) -> Vec<String> {
        self.packages
            .into_iter()
            .map(|package| package.name)
            .collect()
    }
}
