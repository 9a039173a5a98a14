//! Builds with cargo.

use std::{collections::HashMap, ffi::OsString, path::PathBuf, process::Stdio};

use anyhow::ensure;
use serde::Deserialize;
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{process::Group, workspace};

/// Runs a build, and returns the programs that it made, by name. Cargo reports progress on standard error.
pub async fn executables(command: &mut Command) -> anyhow::Result<HashMap<String, PathBuf>> {
    let mut cargo = Group::spawn(
        command
            .arg("--message-format=json-render-diagnostics")
            .current_dir(workspace())
            .stdout(Stdio::piped()),
    )?;
    let mut messages = String::new();
    if let Some(mut output) = cargo.stdout() {
        output.read_to_string(&mut messages).await?;
    }
    let status = cargo.wait().await?;
    ensure!(status.success(), "the build failed");
    Ok(messages
        .lines()
        .filter_map(|line| serde_json::from_str::<BuildMessage>(line).ok())
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect())
}

/// Returns the cargo that runs this program.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The fields of a message of cargo that describe an artifact:
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>.
#[derive(Deserialize)]
struct BuildMessage {
    target: Option<BuildTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct BuildTarget {
    name: String,
}
