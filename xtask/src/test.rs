//! `cargo xtask test`: all tests, with everything that they need.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail};
use provider::Provider;
use sqlx::migrate::MigrateDatabase as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};
use url::Url;

use crate::{
    bundle::{self, cargo},
    migrate,
    postgres::{Postgres, Server},
    process::{Group, unless_stopped},
    target, tools,
    variables::without_configuration,
    watch::{Reload, Watch},
    workspace,
};

/// Which tests to run; without a name all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// `cargo test` of the whole workspace, on databases of its own
    Rust,
    /// The official Better Auth clients against the bundle under `cargo lambda watch`
    Clients,
}

/// Runs the tests, all of them even when some fail, and says in one line how they went.
pub async fn run(only: Option<Suite>) -> anyhow::Result<()> {
    match unless_stopped(all(only)).await? {
        Some(outcome) => outcome,
        None => bail!("the tests were stopped"),
    }
}

async fn all(only: Option<Suite>) -> anyhow::Result<()> {
    let wanted = |suite| only.is_none_or(|only| only == suite);
    // What is missing is told before an hour has passed.
    let npm = if wanted(Suite::Clients) {
        Some(node_package_manager()?)
    } else {
        None
    };
    let postgres = Postgres::start(Server::Test, &std::env::current_exe()?)?;
    migrate::create_database(postgres.url()).await?;

    let mut tallies = Vec::new();
    if wanted(Suite::Rust) {
        tallies.push(("Rust", rust(postgres.url()).await?));
    }
    if let Some(npm) = npm {
        tallies.push(("client", clients(&npm, postgres.url()).await?));
    }
    let mut failed = false;
    let summary: Vec<String> = tallies
        .iter()
        .map(|(name, tally)| {
            failed |= !tally.success;
            format!(
                "{} {name} tests passed, {} failed, {} skipped",
                tally.passed, tally.failed, tally.skipped
            )
        })
        .collect();
    println!("\n{}", summary.join("; "));
    if failed {
        bail!("the tests failed");
    }
    Ok(())
}

fn node_package_manager() -> anyhow::Result<PathBuf> {
    let missing =
        "is not on this machine, and the official clients need it; install Node.js 20 or newer";
    tools::find("node").with_context(|| format!("node {missing}"))?;
    tools::find("npm").with_context(|| format!("npm {missing}"))
}

async fn rust(database: &str) -> anyhow::Result<Tally> {
    let mut command = Command::new(cargo());
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(workspace());
    without_configuration(&mut command);
    command
        .env("DATABASE_URL", database)
        .env("SQLX_OFFLINE", "true");
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    count(&mut command).await
}

async fn clients(npm: &Path, server: &str) -> anyhow::Result<Tally> {
    let folder = workspace().join("xtask/clients");
    tools::run(
        Command::new(npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--loglevel", "error"])
            .current_dir(&folder),
    )
    .await?;
    bundle::build().await?;

    let database = fresh_database(server).await?;
    let provider = Provider::start().await?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut variables = provider.settings();
    variables.extend([
        ("DATABASE_URL", database.clone()),
        ("BETTER_AUTH_URL", format!("http://localhost:{port}")),
        ("NODE_ENV", "test".to_owned()),
    ]);
    let log = target().join("clients.log");
    let mut watch = Watch::start(port, Reload::Never, variables, Some(File::create(&log)?)).await?;
    let outcome = async {
        watch.ready().await?;
        let mut node = Command::new("npm");
        node.arg("test")
            .arg("--silent")
            .current_dir(&folder)
            .env("BASE_URL", watch.url())
            .env("PROVIDER_URL", provider.url());
        count(&mut node).await
    }
    .await;
    drop(watch);
    sqlx::Postgres::force_drop_database(&database).await?;
    match outcome {
        Ok(tally) if tally.success => Ok(tally),
        other => {
            eprintln!("what the functions said is in {}", log.display());
            other
        }
    }
}

/// A migrated database on that server, which nobody else uses.
async fn fresh_database(server: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(server)?;
    url.set_path(&format!("clients_{}", std::process::id()));
    migrate::create_database(url.as_str()).await?;
    migrate::run(url.as_str()).await?;
    Ok(url.into())
}

/// How many tests went how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
    success: bool,
}

impl Tally {
    /// Adds what the line tells, if it is one of the lines in which libtest and Node's runner sum up.
    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line
            .split([' ', ';', '.'])
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            [
                "test",
                "result:",
                _,
                passed,
                "passed",
                failed,
                "failed",
                skipped,
                "ignored",
                ..,
            ] => {
                self.passed += number(passed);
                self.failed += number(failed);
                self.skipped += number(skipped);
            }
            ["ℹ" | "#", "pass", count] => self.passed += number(count),
            ["ℹ" | "#", "fail" | "cancelled", count] => self.failed += number(count),
            ["ℹ" | "#", "skipped" | "todo", count] => self.skipped += number(count),
            _ => {}
        }
    }
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

/// Runs the command with its standard output in view, and adds up what that tells.
async fn count(command: &mut Command) -> anyhow::Result<Tally> {
    let mut group = Group::spawn(command.stdout(Stdio::piped()))?;
    let mut tally = Tally::default();
    if let Some(output) = group.stdout() {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Some(line) = lines.next_segment().await? {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.read(&line);
        }
    }
    tally.success = group.wait().await?.success();
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: ok. 10 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.86s",
            "ℹ tests 24",
            "ℹ pass 22",
            "ℹ fail 2",
            "# skipped 1",
        ] {
            tally.read(line);
        }

        assert_eq!((tally.passed, tally.failed, tally.skipped), (34, 3, 5));
    }
}
