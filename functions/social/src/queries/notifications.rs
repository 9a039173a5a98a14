//! Notifications, derived from likes, comments and follows.

use shared::time::Timestamp;
use sqlx::PgExecutor;

use super::After;
use crate::{
    notifications::{Kind, Notification, NotifiedComment, NotifiedProject},
    people::Author,
};

/// Where rows of each kind start: before that time and id.
pub struct Bounds {
    pub like: After,
    pub comment: After,
    pub follow: After,
}

/// Which kinds are asked for.
#[derive(Clone, Copy)]
pub struct Kinds {
    likes: bool,
    comments: bool,
    follows: bool,
}

impl Kinds {
    /// One kind, or all.
    pub fn only(kind: Option<Kind>) -> Self {
        let wanted = |other| kind.is_none_or(|kind| kind == other);
        Self {
            likes: wanted(Kind::Like),
            comments: wanted(Kind::Comment),
            follows: wanted(Kind::Follow),
        }
    }
}

struct NotificationRow {
    kind: String,
    id: String,
    created_at: Timestamp,
    is_read: bool,
    actor_id: String,
    name: String,
    image: Option<String>,
    avatar: Option<String>,
    github_username: Option<String>,
    is_pro: bool,
    is_following: bool,
    project_id: Option<String>,
    title: Option<String>,
    content: Option<String>,
}

impl NotificationRow {
    fn notification(self) -> Option<Notification> {
        let kind = Kind::of(&self.kind)?;
        Some(Notification {
            id: format!("{}:{}", self.kind, self.id),
            kind,
            created_at: self.created_at,
            is_read: self.is_read,
            actor: Author {
                id: self.actor_id,
                name: self.name,
                image: self.image,
                avatar: self.avatar,
                github_username: self.github_username,
                is_pro: self.is_pro,
                is_following: self.is_following,
            },
            project: self
                .project_id
                .zip(self.title)
                .map(|(id, title)| NotifiedProject { id, title }),
            comment: self.content.map(|content| NotifiedComment {
                id: self.id,
                content,
            }),
        })
    }
}

/// A page of what others did with the user's projects and profile, newest first. Each project is asked for its newest
/// like and comment, and those with the newest ones for as many as the page has; no others can have any on it. So the time
/// depends on the number of the user's projects and not on that of their likes.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn list_notifications(
    db: impl PgExecutor<'_>,
    user: &str,
    kinds: Kinds,
    unread: bool,
    after: Option<Bounds>,
    limit: i64,
) -> sqlx::Result<Vec<Notification>> {
    let (like, comment, follow) = match after {
        None => (None, None, None),
        Some(Bounds {
            like,
            comment,
            follow,
        }) => (Some(like), Some(comment), Some(follow)),
    };
    let (like_at, like_id) = like.unzip();
    let (comment_at, comment_id) = comment.unzip();
    let (follow_at, follow_id) = follow.unzip();
    let rows = sqlx::query_as!(
        NotificationRow,
        r#"
        with hidden as materialized (
            select u.id from "user" u where not u."isActive"
            union all
            select u.id from "user" u where u.banned and not is_visible(u)
        ),
        mark as materialized (
            select coalesce(max("readUntil"), timestamp '-infinity') as until
            from "notificationMark"
            where "userId" = $1
        ),
        oldest as materialized (
            select case when $2 then until else timestamp '-infinity' end as at from mark
        ),
        act as (
            (
                select 'like' as kind, l.id, l."createdAt", l."userId" as actor, p.id as project
                from (
                    select p.id
                    from projects p
                    cross join lateral (
                        select l.id, l."createdAt"
                        from likes l
                        where l."projectId" = p.id
                            and l."createdAt" > (select at from oldest)
                            and (l."createdAt", l.id)
                                < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                            and l."userId" <> $1
                            and l."userId" not in (select id from hidden)
                        order by l."createdAt" desc, l.id desc
                        limit 1
                    ) newest
                    where p."authorId" = $1 and $9
                    order by newest."createdAt" desc, newest.id desc
                    limit $12
                ) p
                cross join lateral (
                    select l.id, l."createdAt", l."userId"
                    from likes l
                    where l."projectId" = p.id
                        and l."createdAt" > (select at from oldest)
                        and (l."createdAt", l.id)
                            < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                        and l."userId" <> $1
                        and l."userId" not in (select id from hidden)
                    order by l."createdAt" desc, l.id desc
                    limit $12
                ) l
                order by l."createdAt" desc, l.id desc
                limit $12
            )
            union all
            (
                select 'comment', c.id, c."createdAt", c."authorId", p.id
                from (
                    select p.id
                    from projects p
                    cross join lateral (
                        select c.id, c."createdAt"
                        from comments c
                        where c."projectId" = p.id
                            and c."createdAt" > (select at from oldest)
                            and (c."createdAt", c.id)
                                < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                            and c."authorId" <> $1
                            and c."authorId" not in (select id from hidden)
                        order by c."createdAt" desc, c.id desc
                        limit 1
                    ) newest
                    where p."authorId" = $1 and $10
                    order by newest."createdAt" desc, newest.id desc
                    limit $12
                ) p
                cross join lateral (
                    select c.id, c."createdAt", c."authorId"
                    from comments c
                    where c."projectId" = p.id
                        and c."createdAt" > (select at from oldest)
                        and (c."createdAt", c.id)
                            < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                        and c."authorId" <> $1
                        and c."authorId" not in (select id from hidden)
                    order by c."createdAt" desc, c.id desc
                    limit $12
                ) c
                order by c."createdAt" desc, c.id desc
                limit $12
            )
            union all
            (
                select 'follow', f.id, f."createdAt", f."followerId", null
                from follows f
                where f."followingId" = $1
                    and f."createdAt" > (select at from oldest)
                    and (f."createdAt", f.id) < (coalesce($7, timestamp 'infinity'), coalesce($8, ''))
                    and f."followerId" <> $1
                    and f."followerId" not in (select id from hidden)
                    and $11
                order by f."createdAt" desc, f.id desc
                limit $12
            )
            order by "createdAt" desc, kind desc, id desc
            limit $12
        )
        select
            act.kind as "kind!",
            act.id as "id!",
            act."createdAt" as "created_at!: Timestamp",
            act."createdAt" <= (select until from mark) as "is_read!",
            u.id as actor_id,
            u.name,
            u.image,
            u.avatar,
            u."githubUsername" as github_username,
            u."isPro" as is_pro,
            exists (
                select from follows where "followerId" = $1 and "followingId" = u.id
            ) as "is_following!",
            p.id as "project_id?",
            p.title as "title?",
            left(c.content, 200) as content
        from act
        join "user" u on u.id = act.actor
        left join projects p on p.id = act.project
        left join comments c on act.kind = 'comment' and c.id = act.id
        order by act."createdAt" desc, act.kind desc, act.id desc
        "#,
        user,
        unread,
        like_at,
        like_id,
        comment_at,
        comment_id,
        follow_at,
        follow_id,
        kinds.likes,
        kinds.comments,
        kinds.follows,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(NotificationRow::notification)
        .collect())
}

/// How many notifications are unread; counts no further than 100.
pub async fn count_unread(db: impl PgExecutor<'_>, user: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        with hidden as materialized (
            select u.id from "user" u where not u."isActive"
            union all
            select u.id from "user" u where u.banned and not is_visible(u)
        ),
        mark as materialized (
            select coalesce(max("readUntil"), timestamp '-infinity') as until
            from "notificationMark"
            where "userId" = $1
        )
        select count(*) as "count!"
        from (
            select f.id
            from follows f
            where f."followingId" = $1
                and f."createdAt" > (select until from mark)
                and f."followerId" <> $1
                and f."followerId" not in (select id from hidden)
            union all
            select act.id
            from projects p
            cross join lateral (
                select l.id
                from likes l
                where l."projectId" = p.id
                    and l."createdAt" > (select until from mark)
                    and l."userId" <> $1
                    and l."userId" not in (select id from hidden)
                union all
                select c.id
                from comments c
                where c."projectId" = p.id
                    and c."createdAt" > (select until from mark)
                    and c."authorId" <> $1
                    and c."authorId" not in (select id from hidden)
                limit 100
            ) act
            where p."authorId" = $1
            limit 100
        ) unread
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
        values ($1, least($2, now() at time zone 'utc'))
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
