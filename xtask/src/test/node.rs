//! Installs the packages of the tests in JavaScript, and reads what Node's test runner prints.

use std::{
    fs,
    io::{
        self,
        ErrorKind::{NotADirectory, NotFound},
    },
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use testkit::programs;
use tokio::process::Command;

use super::outcome::{Failure, Tally};
use crate::tools;

/// Maximum number of lines that are shown of each failure.
const REASON: usize = 3;

/// npm, whose machine has Node too.
pub fn package_manager() -> anyhow::Result<PathBuf> {
    let missing =
        "is not on this machine, and the official clients need it; install Node.js 20.19 or newer";
    programs::find("node").with_context(|| format!("node {missing}"))?;
    programs::find("npm").with_context(|| format!("npm {missing}"))
}

/// Installs the packages of `folder` and of its workspaces with `npm`, unless a run before has installed them.
pub async fn install(npm: &Path, folder: &Path) -> anyhow::Result<()> {
    if is_installed(folder)? {
        return Ok(());
    }
    tools::run(
        Command::new(npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--loglevel", "error", "--silent"])
            .current_dir(folder),
    )
    .await
}

/// Returns whether npm's list of what it has installed is newer than each manifest and than the lockfile. npm writes that
/// list last: <https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json#hidden-lockfiles>.
fn is_installed(folder: &Path) -> io::Result<bool> {
    let modified = |path: PathBuf| match fs::metadata(path) {
        Ok(metadata) => metadata.modified().map(Some),
        // The folder has files, and folders without a manifest.
        Err(error) if matches!(error.kind(), NotADirectory | NotFound) => Ok(None),
        Err(error) => Err(error),
    };
    let installed = modified(folder.join("node_modules/.package-lock.json"))?;
    let mut newest = modified(folder.join("package-lock.json"))?;
    newest = newest.max(modified(folder.join("package.json"))?);
    for entry in fs::read_dir(folder)? {
        newest = newest.max(modified(entry?.path().join("package.json"))?);
    }
    Ok(installed > newest)
}

/// The sums and the failures of a run with the reporter `spec`.
pub fn read(lines: &[String], repeat: &str) -> (Tally, Vec<Failure>) {
    let mut tally = Tally::default();
    let mut failures: Vec<Failure> = Vec::new();
    let mut is_listing = false;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["ℹ", "pass", count] => tally.passed += number(count),
            ["ℹ", "fail" | "cancelled", count] => tally.failed += number(count),
            ["ℹ", "skipped" | "todo", count] => tally.skipped += number(count),
            ["✖", "failing", "tests:"] => is_listing = true,
            ["✖", name @ ..] if is_listing => failures.push(Failure {
                test: name.join(" "),
                reason: Vec::new(),
                repeat: repeat.to_owned(),
            }),
            [_, ..] => {
                if let Some(failure) = failures.last_mut()
                    && failure.reason.len() < REASON
                {
                    failure.reason.push(line.trim().to_owned());
                }
            }
            [] => {}
        }
    }
    (tally, failures)
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        time::{Duration, SystemTime},
    };

    use super::*;

    #[test]
    fn packages_are_installed_again_after_a_change() {
        let folder = std::env::temp_dir().join(format!("xtask-node-{}", std::process::id()));
        let begin = SystemTime::UNIX_EPOCH;
        let write = |path: &str, seconds| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = File::create(path).unwrap();
            file.set_modified(begin + Duration::from_secs(seconds))
                .unwrap();
        };
        let is_installed = || is_installed(&folder).unwrap();
        write("package.json", 1);
        write("package-lock.json", 2);
        write("example/package.json", 3);
        assert!(!is_installed(), "nothing is installed");

        write("node_modules/.package-lock.json", 4);
        assert!(is_installed());

        for manifest in ["package.json", "package-lock.json", "example/package.json"] {
            write(manifest, 5);
            assert!(!is_installed(), "{manifest} is newer");
            write(manifest, 3);
            assert!(is_installed());
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn sums_and_failures_are_read() {
        let lines: Vec<String> = "✔ signs in (12.3ms)\n✖ signs out (1.2ms)\nℹ tests 24\nℹ pass 22\nℹ fail 1\n\
             ℹ cancelled 1\nℹ skipped 1\n\n✖ failing tests:\n\ntest at client.test.js:12:1\n✖ signs out (1.2ms)\n  \
             AssertionError: not equal\n\n  1 !== 2\n\n      at x\n      at y\n"
            .lines()
            .map(ToOwned::to_owned)
            .collect();

        let (tally, failures) = read(&lines, "cargo xtask test clients");

        let expected = Tally {
            passed: 22,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(tally, expected);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].test, "signs out (1.2ms)");
        assert_eq!(
            failures[0].reason,
            ["AssertionError: not equal", "1 !== 2", "at x"]
        );
    }
}
