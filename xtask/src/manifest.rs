//! The workspace as its manifests describe it.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use crate::tools::cargo_output;

/// Output of `cargo metadata`: <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    packages: Vec<WorkspacePackage>,
    /// The table `workspace.metadata`.
    pub metadata: Value,
}

#[derive(Debug, Deserialize)]
struct WorkspacePackage {
    name: String,
    manifest_path: PathBuf,
    metadata: Value,
}

impl Manifest {
    /// Reads the manifests of this workspace.
    ///
    /// # Errors
    /// If cargo cannot be run, or rejects a manifest.
    pub async fn read() -> anyhow::Result<Self> {
        let output = cargo_output(&["metadata", "--no-deps", "--format-version", "1"])
            .await
            .context("Cargo.toml cannot be read")?;
        Ok(serde_json::from_slice(&output)?)
    }

    /// Returns the table `package.metadata` of a crate. It is null if the crate has none, or does not exist.
    pub fn crate_metadata(&self, name: &str) -> &Value {
        let mut packages = self.packages.iter();
        let package = packages.find(|package| package.name == name);
        package.map_or(&Value::Null, |package| &package.metadata)
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
