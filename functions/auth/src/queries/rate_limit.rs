//! Counters of the rate limits.

use std::time::Duration;

use shared::random;
use sqlx::PgExecutor;

/// A number of requests in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimit {
    /// Maximum number of requests in one window.
    pub requests: u32,
    /// Length of the window.
    pub seconds: u32,
}

/// Counts a request in one atomic step. Returns how long to wait until the window ends, and zero for an allowed request. The
/// window starts with the last allowed request; a rejected one does not change the counter.
pub async fn count(
    db: impl PgExecutor<'_>,
    key: &str,
    limit: RequestLimit,
) -> sqlx::Result<Duration> {
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
            -- This statement does not see a counter that was inserted after it began.
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
