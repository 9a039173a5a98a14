//! Finds or installs programs that the commands need.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use testkit::{cargo::cargo, process::Group, programs::find, python, target, workspace};
use tokio::{process::Command, task::spawn_blocking};

/// Version of `cargo-lambda` that is installed if it is missing.
const CARGO_LAMBDA: &str = "1.9.2";

/// Returns the `cargo-lambda` on `PATH`, or else the one in `target/tools`. Installs it there if neither exists.
pub async fn cargo_lambda() -> anyhow::Result<PathBuf> {
    let tools = target().join("tools");
    let built = tools.join("bin/cargo-lambda");
    let present = find("cargo-lambda").or_else(|| built.is_file().then(|| built.clone()));
    if let Some(program) = present {
        return Ok(program);
    }
    // The Python package index has compiled programs. Its dependency, the Zig compiler, is needed only for cross-compilation.
    let package = format!("cargo-lambda=={CARGO_LAMBDA}");
    let installed =
        spawn_blocking(move || python::environment("cargo-lambda", &["--no-deps", &package]));
    match installed.await? {
        Ok(programs) => return Ok(programs.join("cargo-lambda")),
        Err(error) => {
            eprintln!(
                "Python cannot install it ({error:#}); building it, which takes some minutes …"
            );
        }
    }
    run(Command::new(cargo())
        .args(["install", "--quiet", "--locked", "cargo-lambda"])
        .args(["--version", CARGO_LAMBDA, "--root"])
        .arg(&tools))
    .await?;
    Ok(built)
}

/// Runs cargo in the workspace and returns its output, without the colours that CI sets.
///
/// # Errors
/// If cargo cannot be run, or fails. The error contains the message of cargo.
pub async fn cargo_output(arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new(cargo())
        .args(arguments)
        .env("CARGO_TERM_COLOR", "never")
        .current_dir(workspace())
        .output()
        .await
        .context("cargo cannot be run")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(output.stdout)
}

/// Runs a command until it ends, and shows its output. A status other than success is an error.
pub async fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.as_std().get_program().to_owned();
    let status = Group::spawn(command)?.wait().await?;
    ensure!(status.success(), "{} failed: {status}", name.display());
    Ok(())
}
