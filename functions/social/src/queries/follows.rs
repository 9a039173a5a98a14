//! Follows, and the counters of both people.

use shared::{db::NOBODY, time::Timestamp};
use sqlx::PgExecutor;

use super::{
    After,
    people::{listed, people},
};
use crate::people::Listed;

/// Makes a user follow a visible one, and tells how many followers that one has then. Both rows are locked in the order
/// of their ids, so that crossing follows wait for each other and do not block each other. `None` where the target is not
/// visible.
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

/// Ends a follow, and tells how many followers the target has then, who may be inactive. `None` where there is no such
/// user.
///
/// A follow by the same user that is being made at this moment may stay: then this request came before that one.
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

/// A page of who follows a visible user, newest follow first. `None` where the user is not visible.
pub async fn list_followers(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    user: &str,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Option<Vec<Listed>>> {
    let (at, id) = after.unzip();
    let rows = people!(
        r#"
        (select s.id from "user" s where s.id = $2 and is_visible(s)) subject
        left join lateral (
            select f."createdAt" as at, f.id, f."followerId" as "userId"
            from follows f
            join "user" u on u.id = f."followerId"
            where f."followingId" = subject.id
                and is_visible(u)
                and (f."createdAt", f.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
            order by f."createdAt" desc, f.id desc
            limit $5
        ) listed on true
        "#,
        viewer.unwrap_or(NOBODY),
        user,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(listed(rows))
}

/// A page of whom a visible user follows, newest follow first. `None` where the user is not visible.
pub async fn list_following(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    user: &str,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Option<Vec<Listed>>> {
    let (at, id) = after.unzip();
    let rows = people!(
        r#"
        (select s.id from "user" s where s.id = $2 and is_visible(s)) subject
        left join lateral (
            select f."createdAt" as at, f.id, f."followingId" as "userId"
            from follows f
            join "user" u on u.id = f."followingId"
            where f."followerId" = subject.id
                and is_visible(u)
                and (f."createdAt", f.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
            order by f."createdAt" desc, f.id desc
            limit $5
        ) listed on true
        "#,
        viewer.unwrap_or(NOBODY),
        user,
        at,
        id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(listed(rows))
}
