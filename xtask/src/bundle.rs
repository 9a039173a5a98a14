//! Builds the five functions.

use std::{collections::HashMap, env, path::PathBuf};

use anyhow::{Context as _, bail};
use launch::StatusLine;
use testkit::{cargo::cargo, workspace};
use tokio::process::Command;

use crate::compiler;

/// Names of the functions, of their crates and of their binaries.
pub const FUNCTIONS: [&str; 5] = ["auth", "users", "projects", "social", "health"];

/// Names the variable with the binaries that the parent process has built: their paths by name, as JSON.
pub const BUILT: &str = "TEST_BINARIES";

/// Builds all binaries of the workspace and returns their paths by name. Shows one line of progress on standard error.
///
/// Returns those of the variable [`BUILT`], if it is set: cargo takes a second to find that nothing has changed, and each
/// test is a process of its own.
pub async fn build() -> anyhow::Result<HashMap<String, PathBuf>> {
    if let Ok(built) = env::var(BUILT) {
        return serde_json::from_str(&built).context(BUILT);
    }
    let mut command = Command::new(cargo());
    command
        .args(["build", "--workspace", "--bins"])
        .current_dir(workspace());
    let mut line = None;
    let built = compiler::run(&mut command, |progress| {
        line.get_or_insert_with(|| StatusLine::start("Building the functions", ""))
            .update(&progress.to_string());
    })
    .await?;
    if built.errors.is_empty() {
        if let Some(line) = line {
            line.finish("");
        }
        return Ok(built.binaries);
    }
    if let Some(line) = line {
        line.clear();
    }
    for error in &built.errors {
        eprintln!("{}", error.rendered);
    }
    bail!("the functions do not compile: {}", built.errors[0].summary)
}
