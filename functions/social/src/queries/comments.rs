//! Comments.

use shared::{db::NOBODY, time::Timestamp};
use sqlx::PgExecutor;

use super::After;
use crate::{
    comments::{Comment, Sort},
    people::Author,
};

/// A comment, or nulls where a list of comments has none.
struct CommentRow {
    id: Option<String>,
    content: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    project_id: Option<String>,
    author_id: Option<String>,
    name: Option<String>,
    image: Option<String>,
    avatar: Option<String>,
    github_username: Option<String>,
    is_pro: Option<bool>,
    is_following: bool,
}

impl CommentRow {
    fn comment(self) -> Option<Comment> {
        let author_id = self.author_id?;
        let (created_at, updated_at) = (self.created_at?, self.updated_at?);
        Some(Comment {
            id: self.id?,
            content: self.content?,
            created_at,
            updated_at,
            is_edited: updated_at > created_at,
            author_id: author_id.clone(),
            author: Author {
                id: author_id,
                name: self.name?,
                image: self.image,
                avatar: self.avatar,
                github_username: self.github_username,
                is_pro: self.is_pro?,
                is_following: self.is_following,
            },
            project_id: self.project_id?,
            content_html: None,
        })
    }
}

/// Selects comments as the viewer `$1` sees them: common table expressions, and what follows `from`, with `c` for the
/// comment and `u` for its author. The list of columns stands here once.
macro_rules! comments {
    ($with:literal, $from:literal, $viewer:expr $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            CommentRow,
            $with
                + r#"
            select
                c.id as "id?",
                c.content as "content?",
                c."createdAt" as "created_at?: Timestamp",
                c."updatedAt" as "updated_at?: Timestamp",
                c."projectId" as "project_id?",
                u.id as "author_id?",
                u.name as "name?",
                u.image,
                u.avatar,
                u."githubUsername" as github_username,
                u."isPro" as "is_pro?",
                exists (
                    select from follows where "followerId" = $1 and "followingId" = u.id
                ) as "is_following!"
            from "#
                + $from,
            $viewer
            $(, $argument)*
        )
    };
}

/// A page of the comments by visible users on a project. `None` where the project is not visible.
pub async fn list_comments(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    project: &str,
    sort: Sort,
    after: Option<After>,
    limit: i64,
) -> sqlx::Result<Option<Vec<Comment>>> {
    let (at, id) = after.unzip();
    let rows = match sort {
        Sort::Oldest => {
            comments!(
                "",
                r#"
                projects p
                join "user" author on author.id = p."authorId"
                left join lateral (
                    select c.id, c.content, c."createdAt", c."updatedAt", c."projectId", c."authorId"
                    from comments c
                    join "user" u on u.id = c."authorId"
                    where c."projectId" = p.id
                        and is_visible(u)
                        and (c."createdAt", c.id)
                            > (coalesce($3, timestamp '-infinity'), coalesce($4, ''))
                    order by c."createdAt", c.id
                    limit $5
                ) c on true
                left join "user" u on u.id = c."authorId"
                where p.id = $2 and (p."authorId" = $1 or p."isPublic" and is_visible(author))
                order by c."createdAt", c.id
                "#,
                viewer.unwrap_or(NOBODY),
                project,
                at,
                id,
                limit,
            )
            .fetch_all(db)
            .await?
        }
        Sort::Newest => {
            comments!(
                "",
                r#"
                projects p
                join "user" author on author.id = p."authorId"
                left join lateral (
                    select c.id, c.content, c."createdAt", c."updatedAt", c."projectId", c."authorId"
                    from comments c
                    join "user" u on u.id = c."authorId"
                    where c."projectId" = p.id
                        and is_visible(u)
                        and (c."createdAt", c.id)
                            < (coalesce($3, timestamp 'infinity'), coalesce($4, ''))
                    order by c."createdAt" desc, c.id desc
                    limit $5
                ) c on true
                left join "user" u on u.id = c."authorId"
                where p.id = $2 and (p."authorId" = $1 or p."isPublic" and is_visible(author))
                order by c."createdAt" desc, c.id desc
                "#,
                viewer.unwrap_or(NOBODY),
                project,
                at,
                id,
                limit,
            )
            .fetch_all(db)
            .await?
        }
    };
    // Without any row there is no project; of one without comments there is a row of nulls.
    Ok((!rows.is_empty()).then(|| rows.into_iter().filter_map(CommentRow::comment).collect()))
}

/// A comment by a visible user on a visible project.
pub async fn find_comment(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    id: &str,
) -> sqlx::Result<Option<Comment>> {
    let row = comments!(
        "",
        r#"
        comments c
        join "user" u on u.id = c."authorId"
        join projects p on p.id = c."projectId"
        join "user" author on author.id = p."authorId"
        where c.id = $2
            and is_visible(u)
            and (p."authorId" = $1 or p."isPublic" and is_visible(author))
        "#,
        viewer.unwrap_or(NOBODY),
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(CommentRow::comment))
}

/// Comments on a visible project. `None` where it is not visible.
pub async fn insert_comment(
    db: impl PgExecutor<'_>,
    author: &str,
    project: &str,
    content: &str,
) -> sqlx::Result<Option<Comment>> {
    let row = comments!(
        r#"
        -- People are locked before projects, as when an account is deleted; and both before the comment is there, with locks
        -- that no writer of their rows shares: with those of the foreign keys alone a comment has outlived its project.
        with caller as (
            select u.id from "user" u where u.id = $1 for share
        ),
        target as (
            select p.id
            from caller
            join projects p on p.id = $2
            join "user" author on author.id = p."authorId"
            where p."authorId" = $1 or p."isPublic" and is_visible(author)
            for no key update of p
        ),
        inserted as (
            insert into comments (id, content, "createdAt", "updatedAt", "authorId", "projectId")
            select
                gen_random_uuid()::text,
                $3,
                now() at time zone 'utc',
                now() at time zone 'utc',
                $1,
                target.id
            from target
            returning id, content, "createdAt", "updatedAt", "projectId", "authorId"
        )"#,
        r#"inserted c join "user" u on u.id = c."authorId""#,
        author,
        project,
        content,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(CommentRow::comment))
}

/// Changes the author's own comment, unless it was changed since `expected`. `"updatedAt"` moves only when the content
/// does. `None` where there is nothing to change: not visible, not theirs, or changed by another request.
pub async fn update_comment(
    db: impl PgExecutor<'_>,
    author: &str,
    id: &str,
    content: Option<&str>,
    expected: Option<Timestamp>,
) -> sqlx::Result<Option<Comment>> {
    let row = comments!(
        r#"
        with updated as (
            update comments c
            set content = coalesce($3, c.content),
                "updatedAt" = case
                    when c.content = coalesce($3, c.content) then c."updatedAt"
                    else greatest(
                        now() at time zone 'utc',
                        c."updatedAt" + interval '1 millisecond'
                    )
                end
            from projects p
            join "user" owner on owner.id = p."authorId"
            where c.id = $2
                and c."authorId" = $1
                and p.id = c."projectId"
                and (p."authorId" = $1 or p."isPublic" and is_visible(owner))
                and ($4::timestamp is null or date_trunc('milliseconds', c."updatedAt") = $4)
            returning c.id, c.content, c."createdAt", c."updatedAt", c."projectId", c."authorId"
        )"#,
        r#"updated c join "user" u on u.id = c."authorId""#,
        author,
        id,
        content,
        expected.map(|time| time.0),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(CommentRow::comment))
}

/// A comment that is gone.
pub struct DeletedComment {
    pub author_id: String,
    pub project_id: String,
    /// Neither the comment nor the project is by whoever deleted it.
    pub by_staff: bool,
}

/// Deletes a visible comment for its author, the project's author, or staff. `None` where there is nothing to delete.
pub async fn delete_comment(
    db: impl PgExecutor<'_>,
    user: &str,
    is_staff: bool,
    id: &str,
) -> sqlx::Result<Option<DeletedComment>> {
    sqlx::query_as!(
        DeletedComment,
        r#"
        -- The author and the project are locked before the comment, as when either of them is deleted.
        with author as (
            select u.id
            from comments c
            join "user" u on u.id = c."authorId"
            where c.id = $3 and is_visible(u)
            for share of u
        ),
        project as (
            select p.id, p."authorId"
            from author
            join comments c on c.id = $3 and c."authorId" = author.id
            join projects p on p.id = c."projectId"
            join "user" owner on owner.id = p."authorId"
            where (p."authorId" = $1 or p."isPublic" and is_visible(owner))
                and ($1 in (author.id, p."authorId") or $2)
            for no key update of p
        )
        delete from comments c
        using project p
        where c.id = $3 and c."projectId" = p.id
        returning
            c."authorId" as author_id,
            c."projectId" as project_id,
            $1 not in (c."authorId", p."authorId") as "by_staff!"
        "#,
        user,
        is_staff,
        id,
    )
    .fetch_optional(db)
    .await
}
