//! Finds or installs programs that the commands need.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use testkit::{cargo::cargo, process::Group, programs::find, target, workspace};
use tokio::process::Command;

/// Version of `cargo-lambda` that is installed if it is missing.
const CARGO_LAMBDA: &str = "1.9.2";

/// Returns the `cargo-lambda` on `PATH`, or else the one in `target/tools`. Installs it there if neither exists.
pub async fn cargo_lambda() -> anyhow::Result<PathBuf> {
    let tools = target().join("tools");
    let places = [tools.join("python/bin"), tools.join("bin")];
    let installed = || {
        places
            .iter()
            .map(|folder| folder.join("cargo-lambda"))
            .find(|program| program.is_file())
    };
    if let Some(program) = find("cargo-lambda").or_else(installed) {
        return Ok(program);
    }
    eprintln!(
        "Installing cargo-lambda {CARGO_LAMBDA} into {} …",
        tools.display()
    );
    if let Err(error) = with_python(&tools).await {
        eprintln!("Python cannot install it ({error:#}); building it, which takes some minutes …");
        run(Command::new(cargo())
            .args(["install", "--quiet", "--locked", "cargo-lambda"])
            .args(["--version", CARGO_LAMBDA, "--root"])
            .arg(&tools))
        .await?;
    }
    installed().context("cargo-lambda was installed, but not where it is expected")
}

/// Installs `cargo-lambda` from the Python package index, which has compiled programs.
async fn with_python(tools: &Path) -> anyhow::Result<()> {
    let python = python("cargo-lambda")?;
    let folder = tools.join("python");
    run(Command::new(python).args(["-m", "venv"]).arg(&folder)).await?;
    // Its dependency, the Zig compiler, is needed only for cross-compilation.
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .arg("--disable-pip-version-check")
        .arg(format!("cargo-lambda=={CARGO_LAMBDA}")))
    .await
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

/// Returns the path of Python 3. The error names the program that needs it.
pub fn python(purpose: &str) -> anyhow::Result<PathBuf> {
    find("python3").or_else(|| find("python")).with_context(|| {
        format!(
            "python3 is not on this machine, and {purpose} needs it; install Python 3 with venv \
             (Debian: python3-venv)"
        )
    })
}

/// Runs a command until it ends, and shows its output. A status other than success is an error.
pub async fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.as_std().get_program().to_owned();
    let status = Group::spawn(command)?.wait().await?;
    ensure!(status.success(), "{} failed: {status}", name.display());
    Ok(())
}
