//! Finds the caller by a session token, and counts the request.

use platform::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::types::Json;

use super::{policies::PolicyColumns, row::CallerRow};
use crate::{http::guard::session::REFRESH_DUE, state::AppState};

pub(super) async fn fetch(
    app: &AppState,
    token: &str,
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
                s."impersonatedBy" is not null as impersonated,
                s."impersonatedBy" is null
                    and s."expiresAt" <= now() at time zone 'utc' + make_interval(secs => $7::float8) as refresh_due
            from session s
            join "user" u on u.id = s."userId"
            where s.token = $1 and s."expiresAt" > now() at time zone 'utc'
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
            coalesce(caller.impersonated, false) as "impersonated!",
            coalesce(caller.refresh_due, false) as "refresh_due!",
            null::jsonb as "account?: Json<Box<RawValue>>",
            false as "read_only!",
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
        REFRESH_DUE,
    )
    .fetch_one(&app.db)
    .await
}
