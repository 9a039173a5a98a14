//! Finds the caller by a session token.

use platform::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::types::Json;

use super::{policies::PolicyColumns, row::CallerRow};
use crate::{
    http::guard::session::{SESSION_LIFETIME, SESSION_UPDATE_AGE},
    state::AppState,
};

pub(super) async fn fetch(
    app: &AppState,
    token: &str,
    may_refresh: bool,
    policies: &PolicyColumns<'_>,
) -> sqlx::Result<CallerRow> {
    sqlx::query_as!(
        CallerRow,
        r#"
        with caller as (
            select
                u.id,
                u.role,
                u."isPro" as is_pro,
                is_visible(u) as active,
                s."createdAt" as created_at,
                s."expiresAt" as expires_at
            from session s
            join "user" u on u.id = s."userId"
            where s.token = $1 and s."expiresAt" > now() at time zone 'utc'
        ),
        -- Better Auth extends a session that is a day old.
        refreshed as (
            update session
            set "expiresAt" = now() at time zone 'utc' + make_interval(secs => $8::float8),
                "updatedAt" = now() at time zone 'utc'
            from caller
            where $7
                and token = $1
                and session."expiresAt" > now() at time zone 'utc'
                and caller.expires_at <= now() at time zone 'utc' + make_interval(secs => $8::float8 - $9::float8)
                and session."expiresAt" <= now() at time zone 'utc' + make_interval(secs => $8::float8 - $9::float8)
        ),
        policy as (
            select name, seconds, name || ':user:' || caller.id as key
            from caller, unnest($2::text[], $3::int[]) as p (name, seconds)
            where caller.active and name <> 'sentry'
            union all
            select name, seconds, name || ':address:' || $6
            from unnest($4::text[], $5::int[]) as p (name, seconds)
            where name = 'sentry' or not exists (select from caller where active)
            order by key
        ),
        counted as (
            insert into quota as q (key, count, "resetAt")
            select key, 1, date_trunc('milliseconds', now() at time zone 'utc') + make_interval(secs => seconds)
            from policy
            on conflict (key) do update set
                count = case when q."resetAt" <= now() at time zone 'utc' then 1 else least(q.count, 1000000000) + 1 end,
                "resetAt" = case when q."resetAt" <= now() at time zone 'utc' then excluded."resetAt" else q."resetAt" end
            returning split_part(key, ':', 1) as name, count,
                ceil(extract(epoch from "resetAt" - now() at time zone 'utc'))::int as resets_in
        )
        select
            caller.id as "id?",
            caller.role as "role?",
            coalesce(caller.is_pro, false) as "is_pro!",
            coalesce(caller.active, false) as "active!",
            caller.created_at as "created_at?: Timestamp",
            null::jsonb as "account?: Json<Box<RawValue>>",
            counted.names as "names!",
            counted.counts as "counts!",
            counted.resets as "resets!"
        from (
            select
                coalesce(array_agg(name), '{}') as names,
                coalesce(array_agg(count), '{}') as counts,
                coalesce(array_agg(resets_in), '{}') as resets
            from counted
        ) counted
        left join caller on true
        "#,
        token,
        &policies.user_names,
        &policies.user_windows,
        &policies.address_names,
        &policies.address_windows,
        policies.network,
        may_refresh,
        f64::from(SESSION_LIFETIME),
        f64::from(SESSION_UPDATE_AGE),
    )
    .fetch_one(&app.db)
    .await
}
