//! Python packages in environments of their own under `target/tools`.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, ensure};

use crate::{programs, target};

/// The folder with the programs of these packages, which are installed first if need be.
pub fn environment(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let tools = target().join("tools");
    let folder = tools.join(name);
    let programs = folder.join("bin");
    let installed = folder.join("installed");
    let wanted = packages.join("\n");
    fs::create_dir_all(&tools)?;
    // Several tests may need the same at once. The lock ends with the process.
    let lock = fs::File::create(tools.join(format!("{name}.lock")))?;
    lock.lock()?;
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(programs);
    }
    eprintln!(
        "Installing {} into {} …",
        packages.join(", "),
        folder.display()
    );
    let python = programs::find("python3").context("python3 is not on this machine")?;
    run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(programs.join("python"))
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .arg("--disable-pip-version-check")
        .args(packages))?;
    fs::write(installed, wanted)?;
    Ok(programs)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_owned();
    let status = command
        .status()
        .with_context(|| format!("{} cannot be run", name.display()))?;
    ensure!(status.success(), "{} failed: {status}", name.display());
    Ok(())
}

/// The result, or `None` after a message that a test is skipped. Where tests decide what lands, everything is there.
pub fn or_skipped<T>(what: &str, result: anyhow::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{what} cannot be had: {error:#}"
            );
            eprintln!("skipped: {what} cannot be had: {error:#}");
            None
        }
    }
}
