//! Finds the caller without the counters, for requests that are counted elsewhere or not at all.

use platform::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::types::Json;

use super::row::CallerRow;
use crate::{http::guard::session::REFRESH_DUE, state::AppState};

/// Finds the caller by a session token.
pub(super) async fn by_session(
    app: &AppState,
    token: &str,
    with_account: bool,
) -> sqlx::Result<CallerRow> {
    let row = sqlx::query_as!(
        CallerRow,
        r#"
        select
            u.id as "id?",
            u.role as "role?",
            u."isPro" as "is_pro!",
            is_visible(u) as "active!",
            s."createdAt" as "created_at?: Timestamp",
            s."impersonatedBy" is not null as "impersonated!",
            s."impersonatedBy" is null
                and s."expiresAt" <= now() at time zone 'utc' + make_interval(secs => $3::float8) as "refresh_due!",
            case when $2 then to_jsonb(u) || jsonb_build_object(
                'privateProjectsCount',
                (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
            ) end as "account?: Json<Box<RawValue>>",
            current_setting('transaction_read_only') = 'on' as "read_only!",
            array[]::text[] as "names!",
            array[]::int[] as "counts!",
            array[]::int[] as "resets!"
        from session s
        join "user" u on u.id = s."userId"
        where s.token = $1 and s."expiresAt" > now() at time zone 'utc'
        "#,
        token,
        with_account,
        REFRESH_DUE,
    )
    .fetch_optional(&app.db)
    .await?;
    Ok(row.unwrap_or_default())
}

/// Finds the caller by a user id.
pub(super) async fn by_user(
    app: &AppState,
    user_id: &str,
    with_account: bool,
) -> sqlx::Result<CallerRow> {
    let row = sqlx::query_as!(
        CallerRow,
        r#"
        select
            u.id as "id?",
            u.role as "role?",
            u."isPro" as "is_pro!",
            is_visible(u) as "active!",
            null::timestamp as "created_at?: Timestamp",
            false as "impersonated!",
            false as "refresh_due!",
            case when $2 then to_jsonb(u) || jsonb_build_object(
                'privateProjectsCount',
                (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
            ) end as "account?: Json<Box<RawValue>>",
            current_setting('transaction_read_only') = 'on' as "read_only!",
            array[]::text[] as "names!",
            array[]::int[] as "counts!",
            array[]::int[] as "resets!"
        from "user" u
        where u.id = $1
        "#,
        user_id,
        with_account,
    )
    .fetch_optional(&app.db)
    .await?;
    Ok(row.unwrap_or_default())
}
