//! Applies the migrations and removes expired rows, for `cargo xtask` and for the migrate function.

mod history;
mod index;
mod lint;
mod lock;
mod plan;
mod progress;
pub mod retention;
mod rewritten;
mod run;
mod script;

use sqlx::migrate::Migrator;

pub use lint::{LockingStatement, locking_statements};
pub use plan::{Plan, plan};
pub use progress::Progress;
pub use rewritten::keep_recorded_checksums;
pub use run::{Options, Outcome, StatementError, run};
pub use script::{Kind, Statement, statements};

/// Returns the project's migrations. They only add, so an older program works on a newer schema, for example after a
/// rollback.
pub fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../migrations");
    migrator.set_ignore_missing(true);
    keep_recorded_checksums(&mut migrator);
    migrator
}

/// Applies all missing migrations in one transaction. A failure leaves the database unchanged. A statement that takes longer
/// than `limit` fails; `None` sets no limit.
///
/// A second migrator waits for the first. Neither the lock nor a prepared statement outlives the transaction, so this also
/// works through a pooler that gives every transaction another server connection.
pub async fn run(
    connection: &mut PgConnection,
    migrator: &Migrator,
    limit: Option<Duration>,
) -> anyhow::Result<Outcome> {
    let mut tx = connection.begin().await?;
    sqlx::raw_sql("deallocate all").execute(&mut *tx).await?;
    // Replaces the limit of the role, because the creation of an index of a large table takes long.
    let limit = limit.map_or(0, |limit| limit.as_millis());
    let limit = AssertSqlSafe(format!("set local statement_timeout = {limit}"));
    sqlx::raw_sql(limit).execute(&mut *tx).await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    // Other statements queue behind a migration that waits for a lock, so the lock has a short timeout.
    sqlx::raw_sql("set local lock_timeout = '10s'")
        .execute(&mut *tx)
        .await?;

    let before = versions(&mut tx).await?;
    migrator.run(&mut *tx).await.map_err(sentence)?;
    let outcome = Outcome {
        applied: migrator
            .iter()
            .filter(|migration| !before.contains(&migration.version))
            .map(|migration| (migration.version, migration.description.to_string()))
            .collect(),
        unknown: before
            .into_iter()
            .filter(|version| !migrator.version_exists(*version))
            .collect(),
    };
    sqlx::raw_sql("deallocate all").execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(outcome)
}

async fn versions(db: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut *db)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("select version from _sqlx_migrations order by version")
        .fetch_all(db)
        .await
}

/// Reduces an error of the database to its message and the version of the migration.
fn sentence(error: MigrateError) -> anyhow::Error {
    match &error {
        MigrateError::ExecuteMigration(sqlx::Error::Database(said), version) => {
            anyhow!("{} (migration {version})", said.message())
        }
        _ => error.into(),
    }
}
