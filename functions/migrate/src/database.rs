//! Connects to the database, and applies the migrations or removes expired rows.

use std::time::Duration;

use migrations::{
    Options, Outcome,
    retention::{self, RemovedRows},
};
use platform::{
    config::{DatabaseConfig, Pooler, StorageConfig, Variables},
    db::{PLANNER_SETTINGS, connect_options, is_outage},
    secrets,
    storage::{Storage, remove_objects},
};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions,
};
use tokio::time::{Instant, sleep, timeout};

use crate::role::Role;

/// Maximum time to wait for an unreachable database. A new RDS Proxy needs one or two minutes to discover its cluster.
const CONNECT_TIMEOUT: Duration = Duration::from_mins(3);
/// Timeout of one attempt to connect.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Applies the migrations to the configured database, within the time limit. Then creates or updates the role of the
/// application whose credentials are in the secret `DATABASE_ROLE_SECRET_ID`, if there is one. `rotate` replaces them.
pub async fn migrate(
    variables: &Variables,
    migrator: &Migrator,
    limit: Duration,
    rotate: bool,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let config = DatabaseConfig::read(variables)?;
    let database = configured(&config, variables)?;
    let mut connection = connect(&database, CONNECT_TIMEOUT.min(limit / 2)).await?;
    let options = Options {
        database: &database,
        is_pooled: config.pooler != Pooler::None,
        limit: Some(limit.saturating_sub(started.elapsed())),
        progress: &mut |progress| tracing::info!(%progress, "migrating"),
    };
    let outcome = migrations::run(migrator, options).await?;
    if let Some(secret) = variables.get("DATABASE_ROLE_SECRET_ID") {
        let current = Role::of_secret(&secrets::read(secret).await?)?;
        let role = if rotate { current.successor() } else { current };
        role.create_or_update(&mut connection).await?;
        if rotate {
            // The secret is written last, so that every credential that is read is accepted by the database.
            secrets::write(secret, &role.to_secret()).await?;
        }
    } else if config.pooler == Pooler::Transaction {
        set_role_limits(&mut connection, &config).await?;
    }
    connection.close().await?;
    Ok(outcome)
}

/// Sets the limits of statements as settings of the role in this database. The functions cannot set them, because a
/// `SET` binds a connection of the pooler to its client.
async fn set_role_limits(
    connection: &mut PgConnection,
    config: &DatabaseConfig,
) -> anyhow::Result<()> {
    let limits = [
        (
            "statement_timeout",
            config.statement_timeout.as_millis().to_string(),
        ),
        ("lock_timeout", config.lock_timeout.as_millis().to_string()),
        (
            "idle_in_transaction_session_timeout",
            config.idle_in_transaction_timeout.as_millis().to_string(),
        ),
        ("client_connection_check_interval", "200".to_owned()),
    ];
    let planner = PLANNER_SETTINGS.map(|(name, value)| (name, value.to_owned()));
    for (name, value) in limits.into_iter().chain(planner) {
        let statement = format!(
            "do $$ begin
                 execute format(
                     'alter role current_user in database %I set {name} = %L', current_database(), '{value}'
                 );
             end $$"
        );
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Removes the expired rows of the configured database, within the time limit. Then removes the objects of deleted
/// files, if a bucket is configured. Rows are removed first, so that a failing bucket does not affect them.
pub async fn sweep(variables: &Variables, limit: Duration) -> anyhow::Result<RemovedRows> {
    let started = Instant::now();
    let config = DatabaseConfig::read(variables)?;
    let mut connection = connect_configured(&config, variables, limit / 2).await?;
    let left = limit.saturating_sub(started.elapsed());
    let mut removed = retention::sweep(&mut connection, left).await?;
    if let Some(config) = StorageConfig::read(variables)? {
        let left = limit.saturating_sub(started.elapsed());
        let removal = remove_objects(&mut connection, &Storage::new(config), left).await?;
        removed.counts.push(("expired uploads", removal.expired));
        removed
            .counts
            .push(("objects of deleted files", removal.objects));
    }
    connection.close().await?;
    Ok(removed)
}

async fn connect_configured(
    config: &DatabaseConfig,
    variables: &Variables,
    limit: Duration,
) -> anyhow::Result<PgConnection> {
    let options = configured(config, variables)?;
    connect(&options, CONNECT_TIMEOUT.min(limit)).await
}

fn configured(config: &DatabaseConfig, variables: &Variables) -> anyhow::Result<PgConnectOptions> {
    anyhow::ensure!(config.url.is_some(), "DATABASE_URL is missing");
    let production = variables.get("NODE_ENV") == Some("production");
    connect_options(config, production)
}

async fn connect(options: &PgConnectOptions, limit: Duration) -> anyhow::Result<PgConnection> {
    let started = Instant::now();
    loop {
        let attempt = timeout(
            ATTEMPT_TIMEOUT.min(limit),
            PgConnection::connect_with(options),
        );
        let error = match attempt.await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if !is_outage(&error) => return Err(error.into()),
            Ok(Err(error)) => anyhow::Error::from(error),
            Err(_) => anyhow::anyhow!("it does not respond"),
        };
        if started.elapsed() + PAUSE >= limit {
            return Err(error.context("the database cannot be reached"));
        }
        tracing::warn!(error = %format_args!("{error:#}"), "connecting to the database again");
        sleep(PAUSE).await;
    }
}
