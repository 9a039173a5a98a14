//! Python packages in virtual environments under `target/tools`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use crate::{programs, target};

/// The program that installs the packages of all environments. Python's own may be too old for its option `--python`, and
/// creating an environment with one takes seconds.
const PIP: &str = "pip==26.3";

/// The command of pip that installs packages, without a hint that there is a newer pip.
const INSTALL: [&str; 3] = ["install", "--quiet", "--disable-pip-version-check"];

/// The file of an environment with the packages that are installed there.
const INSTALLED: &str = "installed";

/// Returns the folder with the programs of these packages. Installs the packages if necessary. `packages` may contain options of
/// `pip install`.
///
/// # Errors
///
/// If Python is not on this machine, or the packages cannot be installed.
pub fn environment(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = target().join("tools").join(name);
    let python = folder.join("bin/python");
    let wanted = packages.join("\n");
    if let Some(lock) = lock_unless_installed(&folder, &wanted)? {
        let names: Vec<_> = packages
            .iter()
            .copied()
            .filter(|package| !package.starts_with('-'))
            .collect();
        eprintln!(
            "Installing {} into {} …",
            names.join(", "),
            folder.display()
        );
        let pip = pip(name)?;
        run(venv(name)?.arg("--without-pip").arg(&folder))?;
        run(Command::new(pip)
            .arg("--python")
            .arg(python)
            .args(INSTALL)
            .args(packages))?;
        fs::write(folder.join(INSTALLED), wanted)?;
        drop(lock);
    }
    Ok(folder.join("bin"))
}

/// Returns the path of pip. Installs it if necessary.
fn pip(purpose: &str) -> anyhow::Result<PathBuf> {
    let folder = target().join("tools/pip");
    let pip = folder.join("bin/pip");
    if let Some(lock) = lock_unless_installed(&folder, PIP)? {
        run(venv(purpose)?.arg(&folder))?;
        run(Command::new(folder.join("bin/python"))
            .args(["-m", "pip"])
            .args(INSTALL)
            .arg(PIP))?;
        fs::write(folder.join(INSTALLED), PIP)?;
        drop(lock);
    }
    Ok(pip)
}

/// Returns `None` if the packages are installed in the folder, or else a lock: concurrent tests may need the same environment.
/// The lock ends with the process.
fn lock_unless_installed(folder: &Path, packages: &str) -> anyhow::Result<Option<File>> {
    if let Some(tools) = folder.parent() {
        fs::create_dir_all(tools)?;
    }
    let lock = File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    let installed = fs::read_to_string(folder.join(INSTALLED));
    Ok((installed.ok().as_deref() != Some(packages)).then_some(lock))
}

/// Returns the command that creates an environment. The error names the program that needs it.
fn venv(purpose: &str) -> anyhow::Result<Command> {
    let python = programs::find("python3").or_else(|| programs::find("python"));
    let python = python.with_context(|| {
        format!(
            "python3 is not on this machine, and {purpose} needs it; install Python 3 with venv \
             (Debian: python3-venv)"
        )
    })?;
    let mut command = Command::new(python);
    command.args(["-m", "venv"]);
    Ok(command)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_once_and_after_a_change() {
        let folder =
            std::env::temp_dir().join(format!("testkit-python-{}/env", std::process::id()));
        fs::create_dir_all(&folder).unwrap();

        let first = lock_unless_installed(&folder, "one==1.0").unwrap();
        fs::write(folder.join(INSTALLED), "one==1.0").unwrap();
        drop(first.unwrap());
        let again = lock_unless_installed(&folder, "one==1.0").unwrap();
        let changed = lock_unless_installed(&folder, "one==1.1").unwrap();

        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
        assert!(again.is_none());
        assert!(changed.is_some());
    }
}
