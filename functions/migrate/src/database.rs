//! The way to the database.

use std::time::Duration;

use migrations::Outcome;
use platform::{
    config::{DatabaseConfig, Variables},
    db::{connect_options, is_outage},
};
use sqlx::{Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

/// How long a database that is not there is waited for: a new RDS Proxy takes a minute or two to know its cluster.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Applies the migrations to the database that the variables name, within the limit.
pub async fn migrate(
    variables: &Variables,
    migrator: &Migrator,
    limit: Duration,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let config = DatabaseConfig::read(variables)?;
    anyhow::ensure!(config.url.is_some(), "DATABASE_URL is missing");
    let production = variables.get("NODE_ENV") == Some("production");
    let options = connect_options(&config, production)?;
    let mut connection = connect(&options, PATIENCE.min(limit / 2)).await?;
    let left = limit.saturating_sub(started.elapsed());
    let outcome = migrations::run(&mut connection, migrator, Some(left)).await?;
    connection.close().await?;
    Ok(outcome)
}

async fn connect(options: &PgConnectOptions, patience: Duration) -> anyhow::Result<PgConnection> {
    let started = Instant::now();
    loop {
        let attempt = timeout(ATTEMPT.min(patience), PgConnection::connect_with(options));
        let error = match attempt.await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if !is_outage(&error) => return Err(error.into()),
            Ok(Err(error)) => anyhow::Error::from(error),
            Err(_) => anyhow::anyhow!("it does not answer"),
        };
        if started.elapsed() + PAUSE >= patience {
            return Err(error.context("the database cannot be reached"));
        }
        tracing::warn!(error = %format_args!("{error:#}"), "the database is tried again");
        sleep(PAUSE).await;
    }
}
