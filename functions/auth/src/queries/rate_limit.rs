//! Counters of the rate limits.

use shared::random;
use sqlx::PgExecutor;

use crate::rate_limit::Limit;

/// Counts a request in one atomic step. `None` where it is allowed, else the seconds until the window ends. The window
/// runs from the last allowed request; a refused one leaves the counter as it is.
pub async fn count(db: impl PgExecutor<'_>, key: &str, limit: Limit) -> sqlx::Result<Option<i64>> {
    let row = sqlx::query!(
        r#"
        with clock as (
            select (extract(epoch from clock_timestamp()) * 1000)::bigint as now
        ),
        counted as (
            insert into "rateLimit" as r (id, key, count, "lastRequest")
            select $1, $2, 1, now from clock
            on conflict (key) do update set
                count = case when excluded."lastRequest" - r."lastRequest" >= $4::bigint * 1000 then 1 else r.count + 1 end,
                "lastRequest" = excluded."lastRequest"
            where r.count < $3 or excluded."lastRequest" - r."lastRequest" >= $4::bigint * 1000
            returning 1
        )
        select
            exists (select from counted) as "allowed!",
            -- A counter that was made after this statement began is not seen here.
            coalesce(
                (select "lastRequest" from "rateLimit" where key = $2) + $4::bigint * 1000 - now,
                $4::bigint * 1000
            ) as "left!"
        from clock
        "#,
        random::id(),
        key,
        limit.requests,
        limit.seconds,
    )
    .fetch_one(db)
    .await?;
    let seconds = row.left.clamp(1, limit.seconds * 1000).div_euclid(1000)
        + i64::from(row.left.rem_euclid(1000) > 0);
    Ok((!row.allowed).then_some(seconds.clamp(1, limit.seconds)))
}
