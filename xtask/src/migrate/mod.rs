//! Applies the migrations to the database at an address.

mod failure;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sqlx::{
    ConnectOptions as _, Connection as _,
    migrate::{MigrateDatabase as _, Migrator},
    postgres::PgConnectOptions,
};
use testkit::workspace;

pub use migrations::{Outcome, Plan, Progress, migrator};

/// The folder of the migrations.
pub fn folder() -> PathBuf {
    workspace().join("migrations")
}

/// Applies all missing migrations: see [`migrations::run`]. The files are read at run time, so migrations that are newer than
/// this program are applied, too. An error names the file and the line.
pub async fn run(url: &str) -> anyhow::Result<Outcome> {
    run_from(&folder(), url).await
}

/// Does the same as [`run`] and reports what it does.
pub async fn run_aloud(
    url: &str,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> anyhow::Result<Outcome> {
    run_with(&folder(), url, progress).await
}

/// Describes what [`run`] would do. Changes nothing.
pub async fn plan(url: &str) -> anyhow::Result<Plan> {
    let migrator = read(&folder()).await?;
    let mut connection = connect(&options(url)?).await?;
    let plan = migrations::plan(&mut connection, &migrator).await;
    connection.close().await?;
    plan.map_err(|error| failure::explain(&migrator, error))
}

/// Does the same as [`run`] with the migrations of `folder`.
pub async fn run_from(folder: &Path, url: &str) -> anyhow::Result<Outcome> {
    run_with(folder, url, &mut |_| {}).await
}

async fn run_with(
    folder: &Path,
    url: &str,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> anyhow::Result<Outcome> {
    let migrator = read(folder).await?;
    let database = options(url)?;
    connect(&database).await?.close().await?;
    migrations::run(&migrator, migrations::Options::new(&database, progress))
        .await
        .map_err(|error| failure::explain(&migrator, error))
}

fn options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_| anyhow::anyhow!("the address of the database cannot be read"))?;
    Ok(options.disable_statement_logging())
}

/// Reads the migrations of a folder. Fails if two of them have the same version.
async fn read(folder: &Path) -> anyhow::Result<Migrator> {
    let mut migrator = Migrator::new(folder)
        .await
        .with_context(|| format!("the migrations in {} cannot be read", folder.display()))?;
    for pair in migrator.migrations.windows(2) {
        if pair[0].version == pair[1].version {
            bail!(
                "{} and {} have the same version; give the newer file another version",
                failure::file_name(&pair[0]),
                failure::file_name(&pair[1])
            );
        }
    }
    migrator.set_ignore_missing(true);
    migrations::keep_recorded_checksums(&mut migrator);
    Ok(migrator)
}

async fn connect(options: &PgConnectOptions) -> anyhow::Result<sqlx::PgConnection> {
    sqlx::PgConnection::connect_with(options)
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
        // Another process created it in the meantime.
        Err(_) if sqlx::Postgres::database_exists(url).await? => Ok(()),
        outcome => outcome
            .map_err(|error| without_server_line(error.into()))
            .context("the database cannot be created"),
    }
}

/// Drops the database that `url` names, which closes all connections to it, and creates an empty one.
pub async fn recreate_database(url: &str) -> anyhow::Result<()> {
    if sqlx::Postgres::database_exists(url).await? {
        sqlx::Postgres::force_drop_database(url).await?;
    }
    create_database(url).await
}

/// Reduces an error of the database to its message. sqlx appends the line in PostgreSQL's source, which reads like a line of
/// the statement.
pub fn without_server_line(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(said)) => anyhow::anyhow!("{}", said.message().to_owned()),
        _ => error,
    }
}
