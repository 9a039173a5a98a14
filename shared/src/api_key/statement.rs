//! The statements on API keys.

use chrono::Duration;
use platform::{db::Db, time::Timestamp};

/// Minimum interval between updates of `lastRequest` for a key without a rate limit and without a number of remaining uses.
const TOUCH_AFTER: Duration = Duration::minutes(1);

/// A key as it was before the statement, and its owner.
pub(super) struct ApiKeyRow {
    pub id: String,
    pub reference_id: String,
    pub enabled: bool,
    pub expires_at: Option<Timestamp>,
    pub remaining: Option<i32>,
    pub refill_amount: Option<i32>,
    /// Milliseconds; negative if a refill is due.
    pub refills_in: Option<i64>,
    pub rate_limit_enabled: bool,
    pub rate_limit_time_window: Option<i32>,
    pub last_request: Option<Timestamp>,
    pub permissions: Option<String>,
    pub now: Timestamp,
    pub has_owner: bool,
    /// The use is counted, or need not be.
    pub used: bool,
    pub role: Option<String>,
    pub is_pro: bool,
    pub is_active: bool,
    /// Requests in the current window of the owner's counter.
    pub count: Option<i32>,
    /// Seconds until the window ends.
    pub resets_in: Option<i32>,
}

/// Counts a use of a key if it is valid and has uses left, and finds its owner. If `policy` is given, also reads the owner's
/// counter of that policy.
pub(super) async fn use_key(
    db: &Db,
    hash: &str,
    policy: Option<&str>,
) -> sqlx::Result<Option<ApiKeyRow>> {
    sqlx::query_as!(
        ApiKeyRow,
        r#"
        with clock as (
            select date_trunc('milliseconds', now() at time zone 'utc') as now
        ),
        used as (
            update apikey k set
                remaining = case
                    when k.remaining is null then null
                    when k."refillAmount" is not null
                        and clock.now - coalesce(k."lastRefillAt", k."createdAt")
                            > k."refillInterval" * interval '1 millisecond'
                        then k."refillAmount" - 1
                    else k.remaining - 1
                end,
                "lastRefillAt" = case
                    when k.remaining is not null
                        and k."refillAmount" is not null
                        and clock.now - coalesce(k."lastRefillAt", k."createdAt")
                            > k."refillInterval" * interval '1 millisecond'
                        then clock.now
                    else k."lastRefillAt"
                end,
                "requestCount" = case
                    when not k."rateLimitEnabled" then k."requestCount"
                    when k."lastRequest" is null
                        or clock.now - k."lastRequest" > k."rateLimitTimeWindow" * interval '1 millisecond'
                        then 1
                    else k."requestCount" + 1
                end,
                "lastRequest" = clock.now,
                "updatedAt" = clock.now
            from clock
            where k.key = $1
                and k.enabled
                and (k."expiresAt" is null or k."expiresAt" >= clock.now)
                and (
                    k.remaining is null
                    or k.remaining > 0
                    or (
                        k."refillAmount" > 0
                        and clock.now - coalesce(k."lastRefillAt", k."createdAt")
                            > k."refillInterval" * interval '1 millisecond'
                    )
                )
                and (
                    not k."rateLimitEnabled"
                    or k."rateLimitMax" is null
                    or k."rateLimitTimeWindow" is null
                    or k."lastRequest" is null
                    or clock.now - k."lastRequest" > k."rateLimitTimeWindow" * interval '1 millisecond'
                    or k."requestCount" < k."rateLimitMax"
                )
                -- A key without any limit is touched once a minute only.
                and (
                    k.remaining is not null
                    or k."rateLimitEnabled"
                    or k."lastRequest" is null
                    or clock.now - k."lastRequest" >= make_interval(secs => $2)
                )
            returning k.id
        )
        select
            k.id,
            k."referenceId" as reference_id,
            k.enabled,
            k."expiresAt" as "expires_at: Timestamp",
            k.remaining,
            k."refillAmount" as refill_amount,
            (
                extract(epoch from coalesce(k."lastRefillAt", k."createdAt") - clock.now) * 1000
                + k."refillInterval"
            )::int8 as refills_in,
            k."rateLimitEnabled" as rate_limit_enabled,
            k."rateLimitTimeWindow" as rate_limit_time_window,
            k."lastRequest" as "last_request: Timestamp",
            k.permissions,
            clock.now as "now!: Timestamp",
            u.id is not null as "has_owner!",
            (
                exists (select from used)
                or (k.remaining is null and not k."rateLimitEnabled")
            ) as "used!",
            u.role as "role?",
            coalesce(u."isPro", false) as "is_pro!",
            coalesce(is_visible(u), false) as "is_active!",
            counter.count as "count?",
            counter.resets_in as "resets_in?"
        from apikey k
        cross join clock
        left join "user" u on u.id = k."referenceId"
        left join lateral read_counter($3::text || ':user:' || u.id) counter on true
        where k.key = $1
        "#,
        hash,
        f64::from(u32::try_from(TOUCH_AFTER.num_seconds()).unwrap_or(u32::MAX)),
        policy,
    )
    .fetch_optional(db)
    .await
}

/// Deletes an expired or used-up key, unless its owner has just extended it.
pub(super) async fn delete_spent(db: &Db, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from apikey
        where id = $1
            and (
                "expiresAt" < now() at time zone 'utc'
                or (remaining = 0 and "refillAmount" is null)
            )
        "#,
        id,
    )
    .execute(db)
    .await?;
    Ok(())
}
