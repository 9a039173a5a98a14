//! Python packages in virtual environments under `target/tools`.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, ensure};

use crate::{programs, target};

/// Returns the folder with the programs of these packages. Installs the packages if necessary.
pub fn environment(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let tools = target().join("tools");
    let folder = tools.join(name);
    let programs = folder.join("bin");
    let installed = folder.join("installed");
    let wanted = packages.join("\n");
    fs::create_dir_all(&tools)?;
    // Concurrent tests may need the same environment. The lock ends with the process.
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

/// Returns the value, or `None` after printing that a test is skipped. Panics if the variable `CI` is set.
pub fn or_skipped<T>(what: &str, result: anyhow::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{what} is not available: {error:#}"
            );
            eprintln!("skipped: {what} is not available: {error:#}");
            None
        }
    }
}
