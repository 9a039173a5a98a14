//! SQL of the health function.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::{PgExecutor, types::Json};
use utoipa::ToSchema;

/// Numbers of visible rows.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    /// Active users.
    #[schema(value_type = i32)]
    pub users: i64,
    /// Public projects of active users.
    #[schema(value_type = i32)]
    pub projects: i64,
    /// Comments of active users on those projects.
    #[schema(value_type = i32)]
    pub comments: i64,
    /// Likes of active users for those projects.
    #[schema(value_type = i32)]
    pub likes: i64,
}

/// Numbers of all rows, and of connections to the database.
pub struct RowCounts {
    pub users: i64,
    pub public_projects: i64,
    pub private_projects: i64,
    pub comments: i64,
    pub likes: i64,
    pub follows: i64,
    pub sessions_active: i64,
    pub ready_files: i64,
    pub pending_files: i64,
    pub objects_to_remove: i64,
    /// Connections to the database by state.
    pub connections: Json<BTreeMap<String, i64>>,
}

/// Checks that the database responds.
pub async fn ping(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(r#"select 1 as "one!""#)
        .fetch_one(db)
        .await
        .map(|_| ())
}

/// Counts the visible rows. Triggers keep the totals of users who are not marked as banned. A ban that has run out but was not
/// lifted still marks its user, so what these few users have and do is added.
pub async fn count_visible(db: impl PgExecutor<'_>) -> sqlx::Result<Stats> {
    sqlx::query_as!(
        Stats,
        r#"
        with kept as materialized (
            select
                coalesce(sum(users), 0)::bigint as users,
                coalesce(sum(projects), 0)::bigint as projects,
                coalesce(sum(comments), 0)::bigint as comments,
                coalesce(sum(likes), 0)::bigint as likes
            from "visibleTotal"
        ),
        expired as materialized (
            select u.id from "user" u where u.banned and is_visible(u)
        ),
        theirs as materialized (
            select p.id from expired join projects p on p."authorId" = expired.id where p."isPublic"
        )
        select
            users + (select count(*) from expired) as "users!",
            projects + (select count(*) from theirs) as "projects!",
            comments + (
                select count(*)
                from theirs
                join comments c on c."projectId" = theirs.id
                join "user" u on u.id = c."authorId"
                where is_visible(u)
            ) + (
                select count(*)
                from expired
                join comments c on c."authorId" = expired.id
                join projects p on p.id = c."projectId"
                join "user" author on author.id = p."authorId"
                where p."isPublic" and is_counted(author)
            ) as "comments!",
            likes + (
                select count(*)
                from theirs
                join likes l on l."projectId" = theirs.id
                join "user" u on u.id = l."userId"
                where is_visible(u)
            ) + (
                select count(*)
                from expired
                join likes l on l."userId" = expired.id
                join projects p on p.id = l."projectId"
                join "user" author on author.id = p."authorId"
                where p."isPublic" and is_counted(author)
            ) as "likes!"
        from kept
        "#,
    )
    .fetch_one(db)
    .await
}

/// Counts all rows, for operators.
pub async fn count_all(db: impl PgExecutor<'_>) -> sqlx::Result<RowCounts> {
    sqlx::query_as!(
        RowCounts,
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
            (select count(*) from upload where status = 'ready') as "ready_files!",
            (select count(*) from upload where status = 'pending') as "pending_files!",
            (select count(*) from "objectRemoval") as "objects_to_remove!",
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
