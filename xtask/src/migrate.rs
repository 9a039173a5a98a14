//! Applies the migrations to a database by its address.

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection, migrate::MigrateDatabase as _};

pub use migrations::{Outcome, migrator};

/// Applies all missing migrations, or none: see [`migrations::run`].
pub async fn run(url: &str) -> anyhow::Result<Outcome> {
    let mut connection = PgConnection::connect(url)
        .await
        .context("the database cannot be reached")?;
    let outcome = migrations::run(&mut connection, &migrator(), None).await?;
    connection.close().await?;
    Ok(outcome)
}

/// Creates the database that `url` names, unless it exists.
pub async fn create_database(url: &str) -> anyhow::Result<()> {
    if sqlx::Postgres::database_exists(url).await? {
        return Ok(());
    }
    match sqlx::Postgres::create_database(url).await {
        // Another process was faster.
        Err(_) if sqlx::Postgres::database_exists(url).await? => Ok(()),
        outcome => outcome.context("the database cannot be created"),
    }
}
