//! Runs the whole API, with a database and a sign-in provider of its own, for tests over HTTP.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use provider::Provider;
use sqlx::{Connection as _, PgConnection, migrate::MigrateDatabase as _};
use testkit::{
    ingest::Ingest,
    leaks::{self, Secrets},
    ports::free_port,
    process::{Group, listening},
    target,
};
use tokio::process::Command;
use url::Url;

use crate::{
    bundle, migrate,
    variables::without_configuration,
    watch::{self, Watch},
};

/// Token with which a test reads `GET /metrics`.
pub const METRICS_TOKEN: &str = "a-token-for-the-metrics";

/// The programs that serve the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Programs {
    /// The five functions behind `cargo lambda watch`
    Functions,
    /// One process with all of them, over plain HTTP
    All,
}

/// The running programs. Dropping them stops them.
enum Running {
    Functions(Watch),
    All(#[expect(dead_code, reason = "dropping it stops the process")] Group),
}

/// The running API, its sign-in provider and its database.
pub struct Stage {
    running: Running,
    url: String,
    /// The programs of the workspace by name.
    pub binaries: HashMap<String, PathBuf>,
    pub provider: Provider,
    /// Address of the database. It has all migrations and no users.
    pub database: String,
}

impl Stage {
    /// Returns the address of the API, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Running {
    /// Starts the programs on a port of this machine. They receive `variables` and no other configuration. All output goes
    /// to `log`.
    async fn start(
        programs: Programs,
        binaries: &HashMap<String, PathBuf>,
        port: u16,
        variables: Vec<(&'static str, String)>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log = File::create(log)?;
        match programs {
            Programs::Functions => {
                let watch = Watch::start(port, variables, log).await?;
                Ok(Self::Functions(watch))
            }
            Programs::All => {
                let program = binaries.get("codecave").context("codecave was not built")?;
                let mut command = Command::new(program);
                without_configuration(&mut command);
                command
                    .arg("all")
                    .envs(variables)
                    .env("PORT", port.to_string())
                    .stdout(log.try_clone()?)
                    .stderr(log);
                Ok(Self::All(Group::spawn(&mut command)?))
            }
        }
    }

    /// Waits until the programs respond.
    async fn ready(&mut self, port: u16, url: &str) -> anyhow::Result<()> {
        match self {
            Self::Functions(watch) => watch.ready().await,
            Self::All(_) => {
                listening(port).await?;
                watch::answers(url).await
            }
        }
    }
}

/// Builds and starts the programs, with `settings` in addition to the required variables and with a Sentry server of their
/// own. Then runs `work` against them.
///
/// Prints the path of the programs' log if `work` fails or `failed` returns true for its result. Returns an error if the
/// log, the events sent to Sentry or the metrics contain a secret of the configuration or of a user.
pub async fn with_bundle<T>(
    name: &str,
    server: &str,
    programs: Programs,
    settings: &[(&'static str, &str)],
    failed: impl Fn(&T) -> bool,
    work: impl AsyncFnOnce(&Stage) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let binaries = bundle::build().await?;
    let database = fresh_database(name, server).await?;
    let log = target().join(format!("{name}.log"));
    let outcome = async {
        let provider = Provider::start().await?;
        let ingest = Ingest::start().await?;
        let port = free_port()?;
        let mut variables = provider.settings();
        variables.extend([
            ("DATABASE_URL", database.clone()),
            ("BETTER_AUTH_URL", format!("http://localhost:{port}")),
            ("METRICS_TOKEN", METRICS_TOKEN.to_owned()),
            ("NODE_ENV", "test".to_owned()),
            ("SENTRY_DSN", ingest.dsn()),
            ("SENTRY_TRACES_SAMPLE_RATE", "1".to_owned()),
        ]);
        variables.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let mut secrets = Secrets::of_configuration(
            variables
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let mut db = PgConnection::connect(&database).await?;
        leaks::note(&mut db).await?;
        let mut stage = Stage {
            running: Running::start(programs, &binaries, port, variables, &log).await?,
            url: format!("http://localhost:{port}"),
            binaries,
            provider,
            database: database.clone(),
        };
        stage.running.ready(port, &stage.url).await?;
        let outcome = work(&stage).await?;

        let metrics = metrics(stage.url()).await?;
        drop(stage);
        secrets.add_noted(&mut db).await?;
        db.close().await?;
        secrets.check("logs", &fs::read_to_string(&log)?)?;
        secrets.check("events", &ingest.text())?;
        secrets.check("metrics", &metrics)?;
        Ok(outcome)
    }
    .await;
    sqlx::Postgres::force_drop_database(&database).await?;
    if outcome.as_ref().map_or(true, failed) {
        eprintln!("the output of the programs is in {}", log.display());
    }
    outcome
}

async fn metrics(api: &str) -> anyhow::Result<String> {
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .get(format!("{api}/metrics"))
        .bearer_auth(METRICS_TOKEN)
        .send()
        .await?;
    Ok(answer.error_for_status()?.text().await?)
}

/// Creates and migrates a database on the server for this run alone, and returns its address.
async fn fresh_database(name: &str, server: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(server)?;
    url.set_path(&format!("{name}_{}", std::process::id()));
    migrate::create_database(url.as_str()).await?;
    migrate::run(url.as_str()).await?;
    Ok(url.into())
}
