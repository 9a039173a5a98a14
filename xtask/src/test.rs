//! `cargo xtask test`: all tests, with everything that they need.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail, ensure};
use sqlx::{Connection as _, PgConnection, migrate::MigrateDatabase as _};
use testkit::{
    cargo::cargo,
    postgres::{PgBouncer, Postgres, Server},
    process::{Group, unless_stopped},
    programs, workspace,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};
use url::Url;

use crate::{
    bundle, contract, migrate, sam::Tools, stage, tools, variables::without_configuration,
};

/// Which tests to run; without a name all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// `cargo test` of the whole workspace, on databases of its own
    Rust,
    /// The Rust tests of the functions once more, behind a real `PgBouncer` in transaction mode
    Pooler,
    /// The official Better Auth clients and a typed one against the bundle under `cargo lambda watch`
    Clients,
    /// The bundle against its own OpenAPI document, with requests made up by schemathesis
    Contract,
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
    if wanted(Suite::Pooler) {
        tallies.push(("pooler", pooler(postgres.url()).await?));
    }
    if let Some(npm) = npm {
        tallies.push(("client", clients(&npm, postgres.url()).await?));
    }
    if wanted(Suite::Contract) {
        tallies.push(("contract", contract(postgres.url()).await?));
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
    programs::find("node").with_context(|| format!("node {missing}"))?;
    programs::find("npm").with_context(|| format!("npm {missing}"))
}

async fn rust(database: &str) -> anyhow::Result<Tally> {
    count(cargo_test(database).arg("--workspace")).await
}

/// What of the Rust tests speaks with a database by way of a group.
const POOLED: [&str; 6] = ["auth", "users", "projects", "social", "health", "shared"];

async fn pooler(database: &str) -> anyhow::Result<Tally> {
    let Some(pooler) = PgBouncer::start(database, 20).await? else {
        // Where the tests decide what lands, everything is there.
        ensure!(
            std::env::var_os("CI").is_none(),
            "PgBouncer is not on this machine"
        );
        eprintln!(
            "PgBouncer is not on this machine (Debian: pgbouncer), so the tests behind it are skipped"
        );
        return Ok(Tally {
            skipped: 1,
            success: true,
            ..Tally::default()
        });
    };
    let mut functions = cargo_test(database);
    for package in POOLED {
        functions.args(["--package", package]);
    }
    functions.args(["--test", "api"]);
    functions.env("TEST_POOLER_PORT", pooler.port().to_string());
    let mut tally = count(&mut functions).await?;
    let mut queue = cargo_test(database);
    queue.args(["--package", "xtask", "--test", "pooler", "--", "--ignored"]);
    tally.add(count(&mut queue).await?);
    drop(pooler);
    remove_leftovers(database).await?;
    Ok(tally)
}

/// Removes the databases of tests that could not do it themselves, since the pooler still had connections to them.
async fn remove_leftovers(server: &str) -> anyhow::Result<()> {
    let mut db = PgConnection::connect(server).await?;
    let names: Vec<String> =
        sqlx::query_scalar(r"select datname from pg_database where datname like '\_sqlx\_test\_%'")
            .fetch_all(&mut db)
            .await?;
    let mut url = Url::parse(server)?;
    for name in names {
        url.set_path(&name);
        sqlx::Postgres::force_drop_database(url.as_str()).await?;
    }
    Ok(())
}

fn cargo_test(database: &str) -> Command {
    let mut command = Command::new(cargo());
    command
        .args(["test", "--no-fail-fast"])
        .current_dir(workspace());
    without_configuration(&mut command);
    command
        .env("DATABASE_URL", database)
        .env("SQLX_OFFLINE", "true");
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

const ADMIN_ID: &str = "admin-of-the-clients";
const ADMIN_EMAIL: &str = "admin@example.com";

/// Whoever proves this address at a provider is the admin.
const ADMIN: &str = r#"
    insert into "user" (id, name, email, "emailVerified", "updatedAt")
    values ($1, 'Admin', $2, true, now() at time zone 'utc')
"#;

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

    let failed = |tally: &Tally| !tally.success;
    let settings = [
        ("ADMIN_USER_IDS", ADMIN_ID),
        ("API_KEY_RATE_LIMIT_MAX", "10"),
    ];
    stage::with_bundle("clients", server, &settings, failed, async |stage| {
        let mut db = PgConnection::connect(&stage.database).await?;
        sqlx::query(ADMIN)
            .bind(ADMIN_ID)
            .bind(ADMIN_EMAIL)
            .execute(&mut db)
            .await?;
        db.close().await?;
        let mut node = Command::new("npm");
        node.arg("test")
            .arg("--silent")
            .current_dir(&folder)
            .env("ADMIN_EMAIL", ADMIN_EMAIL)
            .env("BASE_URL", stage.url())
            .env("DATABASE_URL", &stage.database)
            .env("PROVIDER_URL", stage.provider.url());
        count(&mut node).await
    })
    .await
}

async fn contract(server: &str) -> anyhow::Result<Tally> {
    let tools = Tools::schemathesis().await?;
    bundle::build().await?;
    let failed = |report: &contract::Report| !report.success();
    let settings = &contract::SETTINGS;
    let report = stage::with_bundle("contract", server, settings, failed, async |stage| {
        contract::check(&tools, stage).await
    })
    .await?;
    Ok(Tally {
        passed: report.passed(),
        failed: report.failed(),
        skipped: 0,
        success: report.success(),
    })
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
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.success &= other.success;
    }

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
