//! Applies the migrations to a database by its address.

mod failure;
mod statements;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sqlx::{
    Connection as _, PgConnection,
    migrate::{MigrateDatabase as _, Migrator},
};
use testkit::workspace;

pub use migrations::{Outcome, migrator};

/// The folder of the migrations.
pub fn folder() -> PathBuf {
    workspace().join("migrations")
}

/// Applies all missing migrations, or none: see [`migrations::run`]. The files are read now, so that one that is newer than
/// this program counts, too. An error names the file and line.
pub async fn run(url: &str) -> anyhow::Result<Outcome> {
    run_from(&folder(), url).await
}

/// The same with the migrations of that folder.
pub async fn run_from(folder: &Path, url: &str) -> anyhow::Result<Outcome> {
    let migrator = read(folder).await?;
    let mut connection = connect(url).await?;
    let outcome = migrations::run(&mut connection, &migrator, None).await;
    connection.close().await?;
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(failure::explain(folder, &migrator, url, error).await),
    }
}

/// The migrations of a folder, of which no two have the same version.
async fn read(folder: &Path) -> anyhow::Result<Migrator> {
    let mut migrator = Migrator::new(folder)
        .await
        .with_context(|| format!("the migrations in {} cannot be read", folder.display()))?;
    for pair in migrator.migrations.windows(2) {
        if pair[0].version == pair[1].version {
            bail!(
                "{} and {} have the same version; give the newer one another",
                failure::file_name(&pair[0]),
                failure::file_name(&pair[1])
            );
        }
    }
    migrator.set_locking(false).set_ignore_missing(true);
    Ok(migrator)
}

async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    PgConnection::connect(url)
        .await
        .map_err(|error| without_server_line(error.into()))
        .context("the database cannot be reached")
}

/// Creates the database that `url` names, unless it exists.
pub async fn create_database(url: &str) -> anyhow::Result<()> {
    let exists = sqlx::Postgres::database_exists(url).await;
    if exists
        .map_err(|error| without_server_line(error.into()))
        .context("the database cannot be reached")?
    {
        return Ok(());
    }
    match sqlx::Postgres::create_database(url).await {
        // Another process was faster.
        Err(_) if sqlx::Postgres::database_exists(url).await? => Ok(()),
        outcome => outcome
            .map_err(|error| without_server_line(error.into()))
            .context("the database cannot be created"),
    }
}

/// Removes the database that `url` names, with the connections to it, and creates it anew.
pub async fn recreate_database(url: &str) -> anyhow::Result<()> {
    if sqlx::Postgres::database_exists(url).await? {
        sqlx::Postgres::force_drop_database(url).await?;
    }
    create_database(url).await
}

/// The error with what the database said and nothing more: sqlx adds the line of PostgreSQL's own source, which reads like
/// one of the statement's.
pub fn without_server_line(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(said)) => anyhow::anyhow!("{}", said.message().to_owned()),
        _ => error,
    }
}
