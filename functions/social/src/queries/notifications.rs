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

/// Selects the newest acts of others, up to `$12` of them: a common table expression `act`, and what follows it.
///
/// Somebody with many projects has mostly enough of the newest acts of all, so these are looked at first. Only when they do
/// not suffice, and there are older ones, each of the user's projects is asked for its newest. So the time is bounded by the
/// number of the user's projects, whatever the number of acts.
macro_rules! acts {
    ($row:ident, $select:literal, $user:expr, $unread:expr, $after:expr, $kinds:expr, $limit:expr) => {{
        let (like, comment, follow) = match $after {
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
        sqlx::query_as!(
            $row,
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
            own as materialized (
                select id from projects where "authorId" = $1
            ),
            recent_like as materialized (
                select a.id, a."createdAt", a.actor, a.project
                from (
                    select a.id, a."createdAt", a."userId" as actor, a."projectId" as project
                    from likes a
                    where $9
                        and a."createdAt" > (select at from oldest)
                        and (a."createdAt", a.id)
                            < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                    order by a."createdAt" desc, a.id desc
                    limit (select 10 * count(*) from own)
                ) a
                where (a.project in (select id from own)) is true
                    and a.actor <> $1
                    and (a.actor not in (select id from hidden)) is true
                order by a."createdAt" desc, a.id desc
                limit $12
            ),
            older_like as materialized (
                select $9 and (select count(*) from recent_like) < $12 and exists (
                    select
                    from likes a
                    where a."createdAt" > (select at from oldest)
                        and (a."createdAt", a.id)
                            < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                    order by a."createdAt" desc, a.id desc
                    offset (select 10 * count(*) from own)
                    limit 1
                ) as wanted
            ),
            recent_comment as materialized (
                select a.id, a."createdAt", a.actor, a.project
                from (
                    select a.id, a."createdAt", a."authorId" as actor, a."projectId" as project
                    from comments a
                    where $10
                        and a."createdAt" > (select at from oldest)
                        and (a."createdAt", a.id)
                            < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                    order by a."createdAt" desc, a.id desc
                    limit (select 10 * count(*) from own)
                ) a
                where (a.project in (select id from own)) is true
                    and a.actor <> $1
                    and (a.actor not in (select id from hidden)) is true
                order by a."createdAt" desc, a.id desc
                limit $12
            ),
            older_comment as materialized (
                select $10 and (select count(*) from recent_comment) < $12 and exists (
                    select
                    from comments a
                    where a."createdAt" > (select at from oldest)
                        and (a."createdAt", a.id)
                            < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                    order by a."createdAt" desc, a.id desc
                    offset (select 10 * count(*) from own)
                    limit 1
                ) as wanted
            ),
            act as (
                (
                    select 'like' as kind, id, "createdAt", actor, project
                    from recent_like
                    where not (select wanted from older_like)
                )
                union all
                (
                    select 'like', a.id, a."createdAt", a.actor, own.id
                    from own
                    cross join lateral (
                        select a.id, a."createdAt", a."userId" as actor
                        from likes a
                        where a."projectId" = own.id
                            and a."createdAt" > (select at from oldest)
                            and (a."createdAt", a.id)
                                < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                            and a."userId" <> $1
                            and a."userId" not in (select id from hidden)
                        order by a."createdAt" desc, a.id desc
                        limit $12
                    ) a
                    where (select wanted from older_like)
                    order by a."createdAt" desc, a.id desc
                    limit $12
                )
                union all
                (
                    select 'comment' as kind, id, "createdAt", actor, project
                    from recent_comment
                    where not (select wanted from older_comment)
                )
                union all
                (
                    select 'comment', a.id, a."createdAt", a.actor, own.id
                    from own
                    cross join lateral (
                        select a.id, a."createdAt", a."authorId" as actor
                        from comments a
                        where a."projectId" = own.id
                            and a."createdAt" > (select at from oldest)
                            and (a."createdAt", a.id)
                                < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                            and a."authorId" <> $1
                            and a."authorId" not in (select id from hidden)
                        order by a."createdAt" desc, a.id desc
                        limit $12
                    ) a
                    where (select wanted from older_comment)
                    order by a."createdAt" desc, a.id desc
                    limit $12
                )
                union all
                (
                    select 'follow', f.id, f."createdAt", f."followerId", null
                    from follows f
                    where f."followingId" = $1
                        and f."createdAt" > (select at from oldest)
                        and (f."createdAt", f.id)
                            < (coalesce($7, timestamp 'infinity'), coalesce($8, ''))
                        and f."followerId" <> $1
                        and f."followerId" not in (select id from hidden)
                        and $11
                    order by f."createdAt" desc, f.id desc
                    limit $12
                )
                order by "createdAt" desc, kind desc, id desc
                limit $12
            )
            "# + $select,
            $user,
            $unread,
            like_at,
            like_id,
            comment_at,
            comment_id,
            follow_at,
            follow_id,
            $kinds.likes,
            $kinds.comments,
            $kinds.follows,
            $limit,
        )
    }};
}

/// A page of what others did with the user's projects and profile, newest first.
pub async fn list_notifications(
    db: impl PgExecutor<'_>,
    user: &str,
    kinds: Kinds,
    unread: bool,
    after: Option<Bounds>,
    limit: i64,
) -> sqlx::Result<Vec<Notification>> {
    let rows = acts!(
        NotificationRow,
        r#"
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
        after,
        kinds,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(NotificationRow::notification)
        .collect())
}

struct CountRow {
    unread: i64,
}

/// How many notifications are unread; counts no further than 100.
pub async fn count_unread(db: impl PgExecutor<'_>, user: &str) -> sqlx::Result<i64> {
    let row = acts!(
        CountRow,
        r#"select count(*) as "unread!" from act"#,
        user,
        true,
        None,
        Kinds::only(None),
        100
    )
    .fetch_one(db)
    .await?;
    Ok(row.unread)
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
