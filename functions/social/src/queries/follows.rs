//! Follows, and the counters of both users.

use resources::{PublicUser, select_public_users};
use shared::db::NOBODY;
use sqlx::PgExecutor;

use super::{Position, entries_of_subject};

/// Makes a user follow a visible target. Returns the number of followers that the target has afterwards, or `None` if the
/// target is not visible.
///
/// Both rows are locked in the order of their ids, so that two users who follow each other at the same time do not
/// deadlock.
pub async fn insert_follow(
    db: impl PgExecutor<'_>,
    follower: &str,
    target: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        r#"
        with pair as (
            select u.id, u."followersCount", is_visible(u) as is_visible
            from "user" u
            where u.id in ($1, $2)
            order by u.id
            for no key update
        ),
        target as (
            select t.id, t."followersCount"
            from pair follower
            join pair t on t.id = $2 and t.is_visible
            where follower.id = $1
        ),
        inserted as (
            insert into follows (id, "createdAt", "followerId", "followingId")
            select gen_random_uuid()::text, now() at time zone 'utc', $1, target.id
            from target
            on conflict ("followerId", "followingId") do nothing
            returning "followerId", "followingId"
        ),
        counted as (
            update "user" u
            set "followersCount" = u."followersCount" + (u.id = inserted."followingId")::int,
                "followingCount" = u."followingCount" + (u.id = inserted."followerId")::int
            from inserted
            where u.id in (inserted."followerId", inserted."followingId")
            returning u.id, u."followersCount"
        )
        select coalesce(
            (select "followersCount" from counted where counted.id = target.id),
            target."followersCount"
        ) as "followers_count!"
        from target
        "#,
        follower,
        target,
    )
    .fetch_optional(db)
    .await
}

/// Ends a follow. Returns the number of followers that the target has afterwards, or `None` if the target does not exist. The
/// target need not be visible.
///
/// A follow that a concurrent request of the same user inserts may survive, as if this request had come first.
pub async fn delete_follow(
    db: impl PgExecutor<'_>,
    follower: &str,
    target: &str,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        r#"
        with pair as (
            select u.id, u."followersCount"
            from "user" u
            where u.id in ($1, $2)
            order by u.id
            for no key update
        ),
        target as (
            select t.id, t."followersCount"
            from pair follower
            join pair t on t.id = $2
            where follower.id = $1
        ),
        deleted as (
            delete from follows f
            using target
            where f."followerId" = $1 and f."followingId" = target.id
            returning f."followerId", f."followingId"
        ),
        counted as (
            update "user" u
            set "followersCount" = u."followersCount" - (u.id = deleted."followingId")::int,
                "followingCount" = u."followingCount" - (u.id = deleted."followerId")::int
            from deleted
            where u.id in (deleted."followerId", deleted."followingId")
            returning u.id, u."followersCount"
        )
        select coalesce(
            (select "followersCount" from counted where counted.id = target.id),
            target."followersCount"
        ) as "followers_count!"
        from target
        "#,
        follower,
        target,
    )
    .fetch_optional(db)
    .await
}

/// Lists a page of the followers of a visible user, newest follow first. Returns `None` if the user does not exist or is
/// not visible.
pub async fn list_followers(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    user: &str,
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
        from "user" subject
        left join lateral (
            select e."createdAt", e.id, e."followerId" as user_id
            from follows e
            join "user" u on u.id = e."followerId"
            where e."followingId" = subject.id
                and is_visible(u)
                and (e."createdAt", e.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
            order by e."createdAt" desc, e.id desc
            limit $5
        ) entry on true
        join "user" u on u.id = coalesce(entry.user_id, subject.id)
        where subject.id = $2 and is_visible(subject)
        order by entry."createdAt" desc, entry.id desc
        "#,
        viewer.unwrap_or(NOBODY),
        user,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(entries_of_subject(rows))
}

/// Lists a page of the users whom a visible user follows, newest follow first. Returns `None` if the user does not exist
/// or is not visible.
pub async fn list_following(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    user: &str,
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
        from "user" subject
        left join lateral (
            select e."createdAt", e.id, e."followingId" as user_id
            from follows e
            join "user" u on u.id = e."followingId"
            where e."followerId" = subject.id
                and is_visible(u)
                and (e."createdAt", e.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
            order by e."createdAt" desc, e.id desc
            limit $5
        ) entry on true
        join "user" u on u.id = coalesce(entry.user_id, subject.id)
        where subject.id = $2 and is_visible(subject)
        order by entry."createdAt" desc, entry.id desc
        "#,
        viewer.unwrap_or(NOBODY),
        user,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(entries_of_subject(rows))
}
