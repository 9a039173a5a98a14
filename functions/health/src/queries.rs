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

/// Counts the visible rows. Comments and likes are the sums of the projects' counters, corrected where a counter includes
/// invisible rows. Therefore the statement does not read all comments and likes.
pub async fn count_visible(db: impl PgExecutor<'_>) -> sqlx::Result<Stats> {
    sqlx::query_as!(
        Stats,
        r#"
        with hidden as materialized (
            select id from hidden_users()
        ),
        visible_project as not materialized (
            select *
            from projects
            where "isPublic" and "authorId" not in (select id from hidden)
        ),
        added as (
            select count(*) as projects, sum("commentCount") as comments, sum("likeCount") as likes
            from visible_project
        )
        select
            (select count(*) from "user" u where is_visible(u)) as "users!",
            projects as "projects!",
            -- The column leaves out everybody who is marked as banned, also where the ban has run out.
            coalesce(comments, 0) + (
                select count(*)
                from "user" u
                join comments c on c."authorId" = u.id
                join visible_project p on p.id = c."projectId"
                where u.banned and is_visible(u)
            ) as "comments!",
            -- The column leaves nobody out.
            coalesce(likes, 0) - (
                select count(*)
                from hidden
                join likes l on l."userId" = hidden.id
                join visible_project p on p.id = l."projectId"
            ) as "likes!"
        from added
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
