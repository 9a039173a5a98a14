//! Unread notifications.

use shared::time::Timestamp;
use sqlx::PgExecutor;

/// Counts the unread notifications of a user, up to 100. It finds them as
/// [`list_notifications`](super::list_notifications) does, and first reads at most 5,000 likes and 5,000 comments of the whole site.
pub async fn count_unread(db: impl PgExecutor<'_>, user: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        with hidden as materialized (
            select id from hidden_users()
        ),
        oldest as materialized (
            -- The whole millisecond, because clients see no more of a time.
            select coalesce(max("readUntil") + interval '999 microseconds', timestamp '-infinity') as at
            from "notificationMark"
            where "userId" = $1
        ),
        own as materialized (
            select id from projects where "authorId" = $1
        ),
        read as materialized (
            select least(10 * count(*), 5000) as count from own
        ),
        recent_like as materialized (
            select
            from (
                select l."userId" as actor, l."projectId" as project
                from likes l
                where l."createdAt" > (select at from oldest)
                order by l."createdAt" desc, l.id desc
                limit (select count from read)
            ) l
            where (l.project in (select id from own)) is true
                and l.actor <> $1
                and (l.actor not in (select id from hidden)) is true
            limit 100
        ),
        older_like as materialized (
            select (select count(*) from recent_like) < 100 and exists (
                select
                from likes l
                where l."createdAt" > (select at from oldest)
                order by l."createdAt" desc, l.id desc
                offset (select count from read)
                limit 1
            ) as wanted
        ),
        recent_comment as materialized (
            select
            from (
                select c."authorId" as actor, c."projectId" as project
                from comments c
                where c."createdAt" > (select at from oldest)
                order by c."createdAt" desc, c.id desc
                limit (select count from read)
            ) c
            where (c.project in (select id from own)) is true
                and c.actor <> $1
                and (c.actor not in (select id from hidden)) is true
            limit 100
        ),
        older_comment as materialized (
            select (select count(*) from recent_comment) < 100 and exists (
                select
                from comments c
                where c."createdAt" > (select at from oldest)
                order by c."createdAt" desc, c.id desc
                offset (select count from read)
                limit 1
            ) as wanted
        ),
        notification as (
            (
                select from recent_like where not (select wanted from older_like)
            )
            union all
            (
                select
                from projects owned
                cross join lateral (
                    select
                    from likes l
                    where l."projectId" = owned.id
                        and l."createdAt" > (select at from oldest)
                        and l."userId" <> $1
                        and l."userId" not in (select id from hidden)
                    order by l."createdAt" desc, l.id desc
                    limit 100
                ) l
                where (select wanted from older_like) and owned."authorId" = $1
                    and ((select count(*) <= 2000 from own) or owned."likeCount" > 0)
                limit 100
            )
            union all
            (
                select from recent_comment where not (select wanted from older_comment)
            )
            union all
            (
                select
                from projects owned
                cross join lateral (
                    select
                    from comments c
                    where c."projectId" = owned.id
                        and c."createdAt" > (select at from oldest)
                        and c."authorId" <> $1
                        and c."authorId" not in (select id from hidden)
                    order by c."createdAt" desc, c.id desc
                    limit 100
                ) c
                where (select wanted from older_comment) and owned."authorId" = $1
                    -- The count lacks the comments of users whose ban has expired and was not lifted, and may be queued.
                    and (
                        owned."commentCount" > 0
                        or (select exists (select from "user" u where u.banned and is_visible(u)))
                        or (select exists (select from "commentRecount"))
                    )
                limit 100
            )
            union all
            (
                select
                from follows f
                where f."followingId" = $1
                    and f."createdAt" > (select at from oldest)
                    and f."followerId" <> $1
                    and f."followerId" not in (select id from hidden)
                order by f."createdAt" desc, f.id desc
                limit 100
            )
            limit 100
        )
        select count(*) as "unread!" from notification
        "#,
        user,
    )
    .fetch_one(db)
    .await
}

/// Marks everything up to `before` as read, or up to now. The mark only moves forward.
pub async fn move_mark(
    db: impl PgExecutor<'_>,
    user: &str,
    before: Option<Timestamp>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into "notificationMark" as mark ("userId", "readUntil")
        -- The column rounds now, as those of the acts do.
        values ($1, least(date_trunc('milliseconds', $2::timestamp), now() at time zone 'utc'))
        on conflict ("userId") do update set "readUntil" = excluded."readUntil"
        where mark."readUntil" < excluded."readUntil"
        "#,
        user,
        before.map(|time| time.0),
    )
    .execute(db)
    .await?;
    Ok(())
}
