//! `cargo xtask reproduce`: builds the functions of one commit twice, in two folders, and compares what would be deployed.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use testkit::{target, workspace};
use tokio::process::Command;

use crate::{auditable, bundle::FUNCTIONS, image::digest, sam::Tools, tools::run};

/// Names of the folders. Their lengths differ, so that a path in a program moves everything behind it.
const FOLDERS: [&str; 2] = ["first", "the-second"];

/// What to build
#[derive(Clone, Debug, clap::Args)]
pub struct ReproduceOptions {
    /// Functions to compare [default: all]
    functions: Vec<String>,
}

/// Builds the last commit in both folders with the builder of SAM, zips the programs as SAM does, and compares the zips. The
/// folders are kept if they differ.
pub async fn run_twice(options: &ReproduceOptions) -> anyhow::Result<()> {
    let functions: Vec<&str> = match &options.functions[..] {
        [] => FUNCTIONS.to_vec(),
        chosen => chosen.iter().map(String::as_str).collect(),
    };
    for function in &functions {
        ensure!(
            FUNCTIONS.contains(function),
            "there is no function {function}"
        );
    }
    let sam = Tools::sam().await?;
    let parent = target().join("reproduce");
    if parent.exists() {
        fs::remove_dir_all(&parent)?;
    }
    fs::create_dir_all(&parent)?;
    let mut zips = Vec::new();
    for name in FOLDERS {
        let folder = parent.join(name);
        checkout(&folder).await?;
        zips.push(build(&sam, &folder, &functions).await?);
    }
    compare(&functions, &zips[0], &zips[1])?;
    fs::remove_dir_all(&parent)?;
    Ok(())
}

/// Checks the last commit out, without changes that are not committed.
async fn checkout(folder: &Path) -> anyhow::Result<()> {
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--shared", "--no-tags"])
        .arg(workspace())
        .arg(folder);
    run(&mut git).await
}

/// Builds the functions in the folder, and returns the paths of their zips.
async fn build(sam: &Tools, folder: &Path, functions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let programs = folder.join("target/lambda");
    let mut builder = sam.command("cargo-lambda")?;
    builder
        .args(["lambda", "build", "--release"])
        .envs(auditable::variables())
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .current_dir(folder);
    for function in functions {
        builder.args(["--package", function]);
    }
    run(&mut builder).await?;
    let zip = target().join("tools/zip.py");
    fs::write(&zip, include_str!("sam/zip.py"))?;
    let mut zips = Vec::new();
    for function in functions {
        let program = programs.join(function);
        let archive = programs.join(format!("{function}.zip"));
        let arguments: [&OsStr; 3] = [zip.as_ref(), archive.as_ref(), program.as_ref()];
        run(sam.command("python")?.args(arguments)).await?;
        zips.push(archive);
    }
    Ok(zips)
}

/// Prints the digest of each zip. Fails if two of the same function differ.
fn compare(functions: &[&str], first: &[PathBuf], second: &[PathBuf]) -> anyhow::Result<()> {
    let mut different = Vec::new();
    for ((function, first), second) in functions.iter().zip(first).zip(second) {
        let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
        let (first, second) = (read(first)?, read(second)?);
        if first == second {
            let (size, digest) = (first.len(), digest(&first));
            println!("{function:<10}{size:>10} bytes  sha256:{digest}");
        } else {
            different.push(*function);
        }
    }
    ensure!(
        different.is_empty(),
        "the zips of {} differ between the folders of {}",
        different.join(", "),
        target().join("reproduce").display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zips_that_differ_are_an_error_with_the_function() {
        let folder = target().join(format!("reproduce-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let first = [file("auth-1", "a"), file("users-1", "u")];
        let second = [file("auth-2", "a"), file("users-2", "v")];

        let same = compare(&["auth"], &first, &second);
        let error = compare(&["auth", "users"], &first, &second).unwrap_err();

        fs::remove_dir_all(&folder).unwrap();
        assert!(same.is_ok());
        let error = error.to_string();
        assert!(error.starts_with("the zips of users differ"), "{error}");
    }
}
