//! Likes, and the counter of their project.

use shared::{db::NOBODY, time::Timestamp};
use sqlx::PgExecutor;

use super::{
    After,
    people::{listed, people},
};
use crate::people::Listed;

/// Likes a visible project, and tells how many likes it has then. Who finds the like there already waits for whoever is
/// making it, so that all are told the same number. `None` where the project is not visible.
pub async fn insert_like(
    db: impl PgExecutor<'_>,
    user: &str,
    project: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        r#"
        -- People are locked before projects, as when an account is deleted; and as when somebody comments.
        with caller as (
            select u.id from "user" u where u.id = $1 for share
        ),
        liked as (
            select p.id, p."likeCount"
            from caller
            join projects p on p.id = $2
            join "user" author on author.id = p."authorId"
            where p."authorId" = $1 or p."isPublic" and is_visible(author)
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

/// Takes a like back, and tells how many likes the project has then. `None` where the project is not visible.
///
/// A like by the same user that is being made at this moment may stay: then this request came before that one.
pub async fn delete_like(
    db: impl PgExecutor<'_>,
    user: &str,
    project: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        r#"
        with caller as (
            select u.id from "user" u where u.id = $1 for key share
        ),
        liked as (
            select p.id, p."likeCount"
            from caller
            join projects p on p.id = $2
            join "user" author on author.id = p."authorId"
            where p."authorId" = $1 or p."isPublic" and is_visible(author)
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

/// A page of who likes a project, newest like first. `None` where the project is not visible.
pub async fn list_likers(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    project: &str,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Option<Vec<Listed>>> {
    let (at, id) = after.unzip();
    let rows = people!(
        r#"
        (
            select p.id
            from projects p
            join "user" author on author.id = p."authorId"
            where p.id = $2 and (p."authorId" = $1 or p."isPublic" and is_visible(author))
        ) subject
        left join lateral (
            select l."createdAt" as at, l.id, l."userId"
            from likes l
            join "user" u on u.id = l."userId"
            where l."projectId" = subject.id
                and is_visible(u)
                and (l."createdAt", l.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
            order by l."createdAt" desc, l.id desc
            limit $5
        ) listed on true
        "#,
        viewer.unwrap_or(NOBODY),
        project,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(listed(rows))
}
