//! Notifications, derived from likes, comments and follows.

use resources::Author;
use shared::time::Timestamp;
use sqlx::PgExecutor;

use super::Position;
use crate::notification::{Kind, Notification, NotifiedComment, NotifiedProject};

/// The exclusive bound of each kind of notification: rows before that time and id.
pub struct NotificationBounds {
    pub like: Position,
    pub comment: Position,
    pub follow: Position,
}

/// The kinds that a list contains.
#[derive(Clone, Copy)]
pub struct NotificationKinds {
    likes: bool,
    comments: bool,
    follows: bool,
}

impl NotificationKinds {
    /// One kind, or all.
    pub fn only(kind: Option<Kind>) -> Self {
        let contains = |other| kind.is_none_or(|kind| kind == other);
        Self {
            likes: contains(Kind::Like),
            comments: contains(Kind::Comment),
            follows: contains(Kind::Follow),
        }
    }
}

struct NotificationRow {
    kind: String,
    id: String,
    created_at: Timestamp,
    is_read: bool,
    actor_id: String,
    actor_name: String,
    actor_image: Option<String>,
    actor_avatar: Option<String>,
    actor_github_username: Option<String>,
    actor_is_pro: bool,
    is_following: bool,
    project_id: Option<String>,
    title: Option<String>,
    content: Option<String>,
}

impl NotificationRow {
    fn into_notification(self) -> Option<Notification> {
        let kind = Kind::of(&self.kind)?;
        Some(Notification {
            id: format!("{}:{}", self.kind, self.id),
            kind,
            created_at: self.created_at,
            is_read: self.is_read,
            actor: Author {
                id: self.actor_id,
                name: self.actor_name,
                image: self.actor_image,
                avatar: self.actor_avatar,
                github_username: self.actor_github_username,
                is_pro: self.actor_is_pro,
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

/// Lists a page of what others did with the user's projects and profile, newest first.
///
/// The newest likes and comments of the whole site are usually enough for a user with many projects, so the statement
/// reads these first, at most 10,000 of each. Only if they do not fill the page, and there are older ones, it reads the
/// newest likes and comments of each of the user's projects. So the time is bounded by the number of the user's projects, not
/// by the number of likes and comments. Projects that have no comments according to their counter are left out. If the user has
/// more than 2,000 projects, so are those without likes.
#[expect(clippy::too_many_lines, reason = "one statement")]
pub async fn list_notifications(
    db: impl PgExecutor<'_>,
    user: &str,
    kinds: NotificationKinds,
    unread: bool,
    after: Option<NotificationBounds>,
    limit: i64,
) -> sqlx::Result<Vec<Notification>> {
    let (like, comment, follow) = match after {
        None => (None, None, None),
        Some(bounds) => (Some(bounds.like), Some(bounds.comment), Some(bounds.follow)),
    };
    let (like_at, like_id) = like.unzip();
    let (comment_at, comment_id) = comment.unzip();
    let (follow_at, follow_id) = follow.unzip();
    let rows = sqlx::query_as!(
        NotificationRow,
        r#"
        with hidden as materialized (
            select id from hidden_users()
        ),
        mark as materialized (
            -- The whole millisecond, because clients see no more of a time.
            select coalesce(max("readUntil") + interval '999 microseconds', timestamp '-infinity') as until
            from "notificationMark"
            where "userId" = $1
        ),
        oldest as materialized (
            select case when $2 then until else timestamp '-infinity' end as at from mark
        ),
        own as materialized (
            select id from projects where "authorId" = $1
        ),
        read as materialized (
            select least(10 * count(*), 10000) as count from own
        ),
        recent_like as materialized (
            select l.id, l."createdAt", l.actor, l.project
            from (
                select l.id, l."createdAt", l."userId" as actor, l."projectId" as project
                from likes l
                where $9
                    and l."createdAt" > (select at from oldest)
                    and (l."createdAt", l.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                order by l."createdAt" desc, l.id desc
                limit (select count from read)
            ) l
            where (l.project in (select id from own)) is true
                and l.actor <> $1
                and (l.actor not in (select id from hidden)) is true
            order by l."createdAt" desc, l.id desc
            limit $12
        ),
        older_like as materialized (
            select $9 and (select count(*) from recent_like) < $12 and exists (
                select
                from likes l
                where l."createdAt" > (select at from oldest)
                    and (l."createdAt", l.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                order by l."createdAt" desc, l.id desc
                offset (select count from read)
                limit 1
            ) as wanted
        ),
        recent_comment as materialized (
            select c.id, c."createdAt", c.actor, c.project
            from (
                select c.id, c."createdAt", c."authorId" as actor, c."projectId" as project
                from comments c
                where $10
                    and c."createdAt" > (select at from oldest)
                    and (c."createdAt", c.id) < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                order by c."createdAt" desc, c.id desc
                limit (select count from read)
            ) c
            where (c.project in (select id from own)) is true
                and c.actor <> $1
                and (c.actor not in (select id from hidden)) is true
            order by c."createdAt" desc, c.id desc
            limit $12
        ),
        older_comment as materialized (
            select $10 and (select count(*) from recent_comment) < $12 and exists (
                select
                from comments c
                where c."createdAt" > (select at from oldest)
                    and (c."createdAt", c.id) < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                order by c."createdAt" desc, c.id desc
                offset (select count from read)
                limit 1
            ) as wanted
        ),
        notification as (
            (
                select 'like' as kind, id, "createdAt", actor, project
                from recent_like
                where not (select wanted from older_like)
            )
            union all
            (
                select 'like', l.id, l."createdAt", l.actor, owned.id
                from projects owned
                cross join lateral (
                    select l.id, l."createdAt", l."userId" as actor
                    from likes l
                    where l."projectId" = owned.id
                        and l."createdAt" > (select at from oldest)
                        and (l."createdAt", l.id) < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                        and l."userId" <> $1
                        and l."userId" not in (select id from hidden)
                    order by l."createdAt" desc, l.id desc
                    limit $12
                ) l
                where (select wanted from older_like) and owned."authorId" = $1
                    and ((select count(*) <= 2000 from own) or owned."likeCount" > 0)
                order by l."createdAt" desc, l.id desc
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
                select 'comment', c.id, c."createdAt", c.actor, owned.id
                from projects owned
                cross join lateral (
                    select c.id, c."createdAt", c."authorId" as actor
                    from comments c
                    where c."projectId" = owned.id
                        and c."createdAt" > (select at from oldest)
                        and (c."createdAt", c.id) < (coalesce($5, timestamp 'infinity'), coalesce($6, ''))
                        and c."authorId" <> $1
                        and c."authorId" not in (select id from hidden)
                    order by c."createdAt" desc, c.id desc
                    limit $12
                ) c
                where (select wanted from older_comment) and owned."authorId" = $1
                    -- The count lacks the comments of users whose ban has expired and was not lifted, and may be queued.
                    and (
                        owned."commentCount" > 0
                        or (select exists (select from "user" u where u.banned and is_visible(u)))
                        or (select exists (select from "commentRecount"))
                    )
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
            n.kind as "kind!",
            n.id as "id!",
            n."createdAt" as "created_at!: Timestamp",
            n."createdAt" <= (select until from mark) as "is_read!",
            u.id as actor_id,
            u.name as actor_name,
            u.image as actor_image,
            u.avatar as actor_avatar,
            u."githubUsername" as actor_github_username,
            u."isPro" as actor_is_pro,
            (
                select true from follows where "followerId" = $1 and "followingId" = u.id limit 1
            ) is not null as "is_following!",
            p.id as "project_id?",
            p.title as "title?",
            left(c.content, 200) as content
        from notification n
        join "user" u on u.id = n.actor
        left join projects p on p.id = n.project
        left join comments c on n.kind = 'comment' and c.id = n.id
        order by n."createdAt" desc, n.kind desc, n.id desc
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
        .filter_map(NotificationRow::into_notification)
        .collect())
}
