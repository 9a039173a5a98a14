//! Indexes that are built without blocking writers.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::sleep;

/// Time between two looks at an index that another connection builds.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether an index exists and can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    Missing,
    /// A build of it was cancelled or killed.
    Invalid,
    Valid,
}

pub async fn index_state(db: &mut PgConnection, name: &str) -> sqlx::Result<IndexState> {
    let is_valid: Option<bool> = sqlx::query_scalar(
        "select indisvalid from pg_index where indexrelid = to_regclass(quote_ident($1))",
    )
    .bind(name)
    .persistent(false)
    .fetch_optional(db)
    .await?;
    Ok(match is_valid {
        None => IndexState::Missing,
        Some(false) => IndexState::Invalid,
        Some(true) => IndexState::Valid,
    })
}

/// Drops what is left of a build that was cancelled or killed. The server finishes a build whose client is gone; this waits for
/// it.
pub async fn drop_invalid_index(db: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    loop {
        let is_being_built: bool = sqlx::query_scalar(
            "select exists (
                 select from pg_stat_progress_create_index where index_relid = to_regclass(quote_ident($1))
             )",
        )
        .bind(name)
        .persistent(false)
        .fetch_one(&mut *db)
        .await?;
        if !is_being_built {
            break;
        }
        sleep(PAUSE).await;
    }
    if index_state(db, name).await? == IndexState::Invalid {
        let name = name.replace('"', "\"\"");
        sqlx::raw_sql(AssertSqlSafe(format!(
            r#"drop index concurrently if exists "{name}""#
        )))
        .execute(db)
        .await?;
    }
    Ok(())
}
