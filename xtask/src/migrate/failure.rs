//! Finds the statement that made a migration fail.
//!
//! The migrator sends a file as a whole, so an error does not name its statement. Therefore the missing migrations are
//! applied once more, statement by statement, in a transaction that is rolled back.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection,
    migrate::{MigrateError, Migration, Migrator},
    postgres::{PgDatabaseError, PgErrorPosition},
};

use super::statements::{Statement, statements};

/// Returns the file of a migration, relative to the root of the workspace.
pub fn file_name(migration: &Migration) -> String {
    format!(
        "migrations/{}_{}.sql",
        migration.version,
        migration.description.replace(' ', "_")
    )
}

/// Adds the file, the line and the statement to the error, if they can be found.
pub async fn explain(
    folder: &Path,
    migrator: &Migrator,
    url: &str,
    error: anyhow::Error,
) -> anyhow::Error {
    if let Some(MigrateError::VersionMismatch(version)) = error.downcast_ref() {
        return match migrator
            .iter()
            .find(|migration| migration.version == *version)
        {
            Some(migration) => changed(migration),
            None => error,
        };
    }
    let said = format!("{error:#}");
    match locate(migrator, url).await {
        Ok(Some(failure)) if said.contains(&failure.message) => anyhow!(failure.text),
        // The cause has passed, or it was not in a statement.
        Ok(_) => error,
        Err(unreachable) => error.context(format!(
            "a migration in {} failed, and its statement could not be found ({unreachable:#})",
            folder.display()
        )),
    }
}

fn changed(migration: &Migration) -> anyhow::Error {
    anyhow!(
        "{} was changed after it was applied to this database. Put it back and make the change in a new migration; \
         or, as long as it has been applied nowhere else, start with an empty database: \
         `cargo xtask dev --fresh`",
        file_name(migration)
    )
}

/// The failure of a statement.
struct Failure {
    /// The message of the database.
    message: String,
    /// The message with its place, the line of the statement and details.
    text: String,
}

async fn locate(migrator: &Migrator, url: &str) -> anyhow::Result<Option<Failure>> {
    let mut connection = PgConnection::connect(url).await?;
    let mut tx = connection.begin().await?;
    let is_empty: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is null")
        .fetch_one(&mut *tx)
        .await?;
    let applied: Vec<i64> = if is_empty {
        Vec::new()
    } else {
        sqlx::query_scalar("select version from _sqlx_migrations")
            .fetch_all(&mut *tx)
            .await?
    };
    // The same limit as for the migrations themselves.
    sqlx::raw_sql("set local lock_timeout = '10s'")
        .execute(&mut *tx)
        .await?;
    for migration in migrator
        .iter()
        .filter(|migration| !applied.contains(&migration.version))
    {
        let script = migration.sql.as_str().to_owned();
        for statement in statements(&script) {
            let outcome = sqlx::raw_sql(AssertSqlSafe(statement.text.to_owned()))
                .execute(&mut *tx)
                .await;
            match outcome {
                Ok(_) => {}
                Err(sqlx::Error::Database(said)) => {
                    let said = said
                        .try_downcast::<PgDatabaseError>()
                        .ok()
                        .context("the database is not PostgreSQL")?;
                    return Ok(Some(failure(migration, statement, &said)));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(None)
}

fn failure(migration: &Migration, statement: Statement<'_>, said: &PgDatabaseError) -> Failure {
    let line = match said.position() {
        Some(PgErrorPosition::Original(position)) => {
            statement.line
                + statement
                    .text
                    .chars()
                    .take(position.saturating_sub(1))
                    .filter(|character| *character == '\n')
                    .count()
        }
        _ => statement.line,
    };
    let shown = statement
        .text
        .lines()
        .nth(line - statement.line)
        .unwrap_or_default()
        .trim();
    let mut lines = vec![
        format!("{}:{line}: {}", file_name(migration), said.message()),
        shown.to_owned(),
    ];
    let more = [
        ("detail", said.detail()),
        ("hint", said.hint()),
        ("in", said.r#where()),
    ];
    for (label, text) in more {
        lines.extend(text.map(|text| format!("{label}: {}", text.replace('\n', " "))));
    }
    Failure {
        message: said.message().to_owned(),
        text: lines.join("\n    "),
    }
}
