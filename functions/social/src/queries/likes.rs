//! Likes, and the like counter of the project.

use resources::{PublicUser, select_public_users};
use shared::db::NOBODY;
use sqlx::PgExecutor;

use super::{Position, entries_of_subject};

/// Likes a visible project. Returns the number of likes that the project has afterwards, or `None` if the project is not
/// visible to the user. A concurrent duplicate waits for the first and returns the same count.
pub async fn insert_like(
    db: impl PgExecutor<'_>,
    user: &str,
    project: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        r#"
        -- Users are locked before projects, in the same order as by the deletion of an account and by a new comment.
        with caller as (
            select u.id from "user" u where u.id = $1 for share
        ),
        liked as (
            select p.id, p."likeCount"
            from caller
            join projects p on p.id = $2
            join "user" author on author.id = p."authorId"
            where is_visible_to(p, author, $1)
            for no key update of p
        ),
        inserted as (
            insert into likes (id, "createdAt", "userId", "projectId")
            select gen_random_uuid()::text, now() at time zone 'utc', $1, liked.id
            from liked
            on conflict ("userId", "projectId") do nothing
            returning "projectId"
        ),
        counted as (
            update projects p
            set "likeCount" = p."likeCount" + 1
            from inserted
            where p.id = inserted."projectId"
            returning p."likeCount"
        )
        select coalesce((select "likeCount" from counted), liked."likeCount") as "like_count!"
        from liked
        "#,
        user,
        project,
    )
    .fetch_optional(db)
    .await
}

/// Withdraws a like. Returns the number of likes that the project has afterwards, or `None` if the project is not visible to
/// the user.
///
/// A like that a concurrent request of the same user inserts may survive, as if this request had come first.
pub async fn delete_like(
    db: impl PgExecutor<'_>,
    user: &str,
    project: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        r#"
        -- In the mode of the triggers on likes, because a stronger lock later could deadlock.
        with caller as (
            select u.id from "user" u where u.id = $1 for share
        ),
        liked as (
            select p.id, p."likeCount"
            from caller
            join projects p on p.id = $2
            join "user" author on author.id = p."authorId"
            where is_visible_to(p, author, $1)
            for no key update of p
        ),
        deleted as (
            delete from likes l
            using liked
            where l."userId" = $1 and l."projectId" = liked.id
            returning l."projectId"
        ),
        counted as (
            update projects p
            set "likeCount" = p."likeCount" - 1
            from deleted
            where p.id = deleted."projectId"
            returning p."likeCount"
        )
        select coalesce((select "likeCount" from counted), liked."likeCount") as "like_count!"
        from liked
        "#,
        user,
        project,
    )
    .fetch_optional(db)
    .await
}

/// Lists a page of the users who like a visible project, newest like first. Returns `None` if the project is not visible
/// to the viewer.
pub async fn list_likers(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    project: &str,
    after: Option<Position>,
    limit: i64,
) -> sqlx::Result<Option<Vec<PublicUser>>> {
    let (at, id) = after.unzip();
    let rows = select_public_users!(
        "",
        r#"
            null::bigint as mutual_count,
            null::bigint as shared_skills_count,
            entry."createdAt" as "listed_at?",
            entry.id as "listed_id?"
        from projects subject
        join "user" author on author.id = subject."authorId"
        left join lateral (
            select e."createdAt", e.id, e."userId" as user_id
            from likes e
            join "user" u on u.id = e."userId"
            where e."projectId" = subject.id
                and is_visible(u)
                and (e."createdAt", e.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
            order by e."createdAt" desc, e.id desc
            limit $5
        ) entry on true
        join "user" u on u.id = coalesce(entry.user_id, author.id)
        where subject.id = $2 and is_visible_to(subject, author, $1)
        order by entry."createdAt" desc, entry.id desc
        "#,
        viewer.unwrap_or(NOBODY),
        project,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(entries_of_subject(rows))
}
