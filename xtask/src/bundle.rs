//! The five functions, built.

use std::{collections::HashMap, path::PathBuf};

use testkit::cargo::{cargo, executables};
use tokio::process::Command;

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
