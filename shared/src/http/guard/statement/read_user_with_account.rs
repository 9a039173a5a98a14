//! Finds the caller by a user id, with the whole account, and reads the counter of the reads. It writes nothing.

use platform::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::types::Json;

use super::row::CallerRow;
use crate::state::AppState;

pub(super) async fn fetch(app: &AppState, user_id: &str) -> sqlx::Result<CallerRow> {
    sqlx::query_as!(
        CallerRow,
        r#"
        with caller as (
            select
                u.id,
                u.role,
                u."isPro" as is_pro,
                is_visible(u) as active,
                to_jsonb(u) || jsonb_build_object(
                    'privateProjectsCount',
                    (select count(*) from projects p where p."authorId" = u.id and not p."isPublic")
                ) as account
            from "user" u
            where u.id = $1
        )
        select
            caller.id as "id?",
            caller.role as "role?",
            coalesce(caller.is_pro, false) as "is_pro!",
            coalesce(caller.active, false) as "active!",
            null::timestamp as "created_at?: Timestamp",
            false as "impersonated!",
            false as "refresh_due!",
            caller.account as "account?: Json<Box<RawValue>>",
            current_setting('transaction_read_only') = 'on' as "read_only!",
            array['read'] as "names!",
            array[coalesce(q.count, 0)] as "counts!",
            array[coalesce(ceil(extract(epoch from q."resetAt" - now() at time zone 'utc'))::int, 0)] as "resets!"
        from (values (1)) as one (row)
        left join caller on true
        left join quota q on q.key = 'read:user:' || caller.id and q."resetAt" > now() at time zone 'utc'
        "#,
        user_id,
    )
    .fetch_one(&app.db)
    .await
}
