//! Counters of the rate limits.

use std::time::Duration;

use shared::random;
use sqlx::PgExecutor;

use crate::rate_limit::Limit;

/// Counts a request in one atomic step. How long to wait until the window ends; no time for one that is allowed. The window
/// runs from the last allowed request; a refused one leaves the counter as it is.
pub async fn count(db: impl PgExecutor<'_>, key: &str, limit: Limit) -> sqlx::Result<Duration> {
    let window = i64::from(limit.seconds) * 1000;
    let row = sqlx::query!(
        r#"
        with clock as (
            select (extract(epoch from clock_timestamp()) * 1000)::bigint as now
        ),
        counted as (
            insert into "rateLimit" as r (id, key, count, "lastRequest")
            select $1, $2, 1, now from clock
            on conflict (key) do update set
                count = case when excluded."lastRequest" - r."lastRequest" >= $4::bigint then 1 else r.count + 1 end,
                "lastRequest" = excluded."lastRequest"
            where r.count < $3 or excluded."lastRequest" - r."lastRequest" >= $4::bigint
            returning 1
        )
        select
            exists (select from counted) as "allowed!",
            -- A counter that was made after this statement began is not seen here.
            coalesce(
                (select "lastRequest" from "rateLimit" where key = $2) + $4::bigint - now,
                $4::bigint
            ) as "left!"
        from clock
        "#,
        random::id(),
        key,
        i32::try_from(limit.requests).unwrap_or(i32::MAX),
        window,
    )
    .fetch_one(db)
    .await?;
    let left = if row.allowed {
        0
    } else {
        row.left.clamp(1, window)
    };
    Ok(Duration::from_millis(left.unsigned_abs()))
}
