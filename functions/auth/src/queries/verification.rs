//! Rows of `verification`: the states of sign-ins.

use shared::random;
use sqlx::PgExecutor;

/// Inserts a state that expires after `seconds`.
pub async fn insert(
    db: impl PgExecutor<'_>,
    identifier: &str,
    value: &str,
    seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into verification (id, identifier, value, "expiresAt", "createdAt", "updatedAt")
        values (
            $1, $2, $3,
            now() at time zone 'utc' + make_interval(secs => $4),
            now() at time zone 'utc',
            now() at time zone 'utc'
        )
        "#,
        random::id(),
        identifier,
        value,
        seconds,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the value of a state. The row stays.
pub async fn find(db: impl PgExecutor<'_>, identifier: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"select value from verification where identifier = $1 order by "createdAt" desc limit 1"#,
        identifier,
    )
    .fetch_optional(db)
    .await
}

/// Deletes a state and returns its value. Of several concurrent callers, one gets it.
pub async fn take(db: impl PgExecutor<'_>, identifier: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "delete from verification where identifier = $1 returning value",
        identifier,
    )
    .fetch_optional(db)
    .await
}
