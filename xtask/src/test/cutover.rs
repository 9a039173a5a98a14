//! The functions and a Node server like the one that they replace, on one database.

use std::{collections::HashMap, path::Path};

use anyhow::Context as _;
use provider::Provider;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection, migrate::MigrateDatabase as _};
use testkit::workspace;
use tokio::process::Command;
use url::Url;

use super::{node, outcome::Outcome, runner};
use crate::{
    bundle::{self, FUNCTIONS},
    migrate,
};

/// The tables and some rows of the Node application, as Prisma and Better Auth write them.
const PRISMA: &str = include_str!("../../tests/migrations/fixtures/prisma.sql");

/// Installs the Node server and runs its tests with `npm`. They start both servers on clones of a database that Prisma made
/// and our migrations changed.
pub async fn run(npm: &Path, server: &str) -> anyhow::Result<Outcome> {
    let folder = workspace().join("xtask/node");
    node::install(npm, &folder).await?;
    let binaries = bundle::build().await?;
    let functions = FUNCTIONS
        .into_iter()
        .map(|name| Ok((name, binaries.get(name).context("it was not built")?)))
        .collect::<anyhow::Result<HashMap<_, _>>>()?;

    let template = migrated_template(server).await?;
    let outcome = async {
        let provider = Provider::start().await?;
        let settings: HashMap<_, _> = provider.settings().into_iter().collect();
        let mut command = Command::new(npm);
        command
            .args(["test", "--silent"])
            .current_dir(&folder)
            .env("FUNCTIONS", json!(functions).to_string())
            .env("PROVIDER_SETTINGS", json!(settings).to_string())
            .env("PROVIDER_URL", provider.url())
            .env("TEMPLATE_URL", &template);
        let mut done = 0_u32;
        let finished = runner::run("cutover", &mut command, |line| {
            done += u32::from(line.trim_start().starts_with(['✔', '✖']));
            Some(format!("{done} done"))
        })
        .await?;
        print_reports(&finished.lines);
        let (tally, failures) = node::read(&finished.lines, "cargo xtask test cutover");
        Ok(Outcome {
            suite: "cutover",
            tally,
            failures,
            flaky: Vec::new(),
            measured: Vec::new(),
            success: finished.status.success(),
            duration: finished.duration,
            log: Some(finished.log),
        })
    }
    .await;
    sqlx::Postgres::force_drop_database(&template).await?;
    outcome
}

/// Prints the diagnostics of the tests: what they compared, and the differences that are allowed.
fn print_reports(lines: &[String]) {
    let sums = [
        "tests",
        "suites",
        "pass",
        "fail",
        "cancelled",
        "skipped",
        "todo",
        "duration_ms",
    ];
    for line in lines {
        if let Some(text) = line.trim_start().strip_prefix("ℹ ")
            && !sums.iter().any(|sum| text.starts_with(sum))
        {
            println!("{text}");
        }
    }
}

/// Creates the database of the Node application, migrates it, and returns its address. Nothing stays connected to it, so
/// that it can be cloned.
async fn migrated_template(server: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(server)?;
    url.set_path(&format!("cutover_{}", std::process::id()));
    migrate::create_database(url.as_str()).await?;
    let mut connection = PgConnection::connect(url.as_str()).await?;
    connection.execute(PRISMA).await?;
    connection.close().await?;
    migrate::run(url.as_str()).await?;
    Ok(url.into())
}
