//! Finds the caller by a session token, and reads the counter of the reads. It writes nothing.

use platform::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::types::Json;

use super::row::CallerRow;
use crate::{http::guard::session::REFRESH_DUE, state::AppState};

pub(super) async fn fetch(app: &AppState, token: &str) -> sqlx::Result<CallerRow> {
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
                    and s."expiresAt" <= now() at time zone 'utc' + make_interval(secs => $2::float8) as refresh_due
            from session s
            join "user" u on u.id = s."userId"
            where s.token = $1 and s."expiresAt" > now() at time zone 'utc'
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
            current_setting('transaction_read_only') = 'on' as "read_only!",
            array['read'] as "names!",
            array[coalesce(q.count, 0)] as "counts!",
            array[coalesce(ceil(extract(epoch from q."resetAt" - now() at time zone 'utc'))::int, 0)] as "resets!"
        from (values (1)) as one (row)
        left join caller on true
        left join quota q on q.key = 'read:user:' || caller.id and q."resetAt" > now() at time zone 'utc'
        "#,
        token,
        REFRESH_DUE,
    )
    .fetch_one(&app.db)
    .await
}
