//! SQL of the health function.

use std::collections::BTreeMap;

use sqlx::{PgExecutor, types::Json};

use crate::{metrics::Totals, stats::Stats};

/// The smallest question there is.
pub async fn ping(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(r#"select 1 as "one!""#)
        .fetch_one(db)
        .await
        .map(|_| ())
}

/// What anybody may see, counted.
pub async fn count_visible(db: impl PgExecutor<'_>) -> sqlx::Result<Stats> {
    sqlx::query_as!(
        Stats,
        r#"
        with visible_user as materialized (
            select u.id from "user" u where is_visible(u)
        ),
        visible_project as materialized (
            select p.id
            from projects p
            join visible_user u on u.id = p."authorId"
            where p."isPublic"
        )
        select
            (select count(*) from visible_user) as "users!",
            (select count(*) from visible_project) as "projects!",
            (
                select count(*)
                from comments c
                join visible_project p on p.id = c."projectId"
                join visible_user u on u.id = c."authorId"
            ) as "comments!",
            (
                select count(*)
                from likes l
                join visible_project p on p.id = l."projectId"
                join visible_user u on u.id = l."userId"
            ) as "likes!"
        "#,
    )
    .fetch_one(db)
    .await
}

/// All rows, counted, for operators.
pub async fn count_all(db: impl PgExecutor<'_>) -> sqlx::Result<Totals> {
    sqlx::query_as!(
        Totals,
        r#"
        select
            (select count(*) from "user") as "users!",
            (select count(*) from projects where "isPublic") as "public_projects!",
            (select count(*) from projects where not "isPublic") as "private_projects!",
            (select count(*) from comments) as "comments!",
            (select count(*) from likes) as "likes!",
            (select count(*) from follows) as "follows!",
            (
                select count(*) from session where "expiresAt" > now() at time zone 'utc'
            ) as "sessions_active!",
            (
                select jsonb_object_agg(state, connections)
                from (
                    -- Of other roles' connections an ordinary role sees no state.
                    select coalesce(state, 'unknown') as state, count(*) as connections
                    from pg_stat_activity
                    where datname = current_database()
                    group by 1
                ) by_state
            ) as "connections!: Json<BTreeMap<String, i64>>"
        "#,
    )
    .fetch_one(db)
    .await
}
