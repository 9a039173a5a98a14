//! The five functions, built.

use std::{collections::HashMap, ffi::OsString, path::PathBuf, process::Stdio};

use anyhow::ensure;
use serde::Deserialize;
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{process::Group, workspace};

/// Names of the functions, of their crates and of their binaries.
pub const FUNCTIONS: [&str; 5] = ["auth", "users", "projects", "social", "health"];

/// Builds the binaries as `cargo lambda watch` does, with cargo's progress on standard error.
pub async fn build() -> anyhow::Result<HashMap<String, PathBuf>> {
    executables(&mut build_command()).await
}

/// The same with the queries checked against that database instead of `.sqlx`, as long as they are being written.
pub async fn build_against(database: &str) -> anyhow::Result<()> {
    let mut command = build_command();
    command
        .env("DATABASE_URL", database)
        .env("SQLX_OFFLINE", "false");
    executables(&mut command).await.map(drop)
}

fn build_command() -> Command {
    let mut command = Command::new(cargo());
    command.args(["build", "--workspace", "--bins"]);
    command
}

/// Runs a command of cargo and returns the programs that it made, by name.
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
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect())
}

/// The cargo that runs these commands.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The part of cargo's messages that tells what was made:
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}
