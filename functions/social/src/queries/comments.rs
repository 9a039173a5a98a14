//! Comments.

use resources::Author;
use shared::{db::NOBODY, time::Timestamp};
use sqlx::PgExecutor;

use super::Position;
use crate::comment::{Comment, Sort};

/// A comment and its author. An empty list of comments has one row with an author and without a comment.
struct CommentRow {
    id: Option<String>,
    content: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    project_id: Option<String>,
    author_id: String,
    author_name: String,
    author_image: Option<String>,
    author_avatar: Option<String>,
    author_github_username: Option<String>,
    author_is_pro: bool,
    is_following: bool,
}

impl CommentRow {
    fn into_comment(self) -> Option<Comment> {
        let (created_at, updated_at) = (self.created_at?, self.updated_at?);
        Some(Comment {
            id: self.id?,
            content: self.content?,
            created_at,
            updated_at,
            // Times are compared as clients see them, because columns of some databases have microseconds.
            is_edited: updated_at.millis() > created_at.millis(),
            author_id: self.author_id.clone(),
            author: Author {
                id: self.author_id,
                name: self.author_name,
                image: self.author_image,
                avatar: self.author_avatar,
                github_username: self.author_github_username,
                is_pro: self.author_is_pro,
                is_following: self.is_following,
            },
            project_id: self.project_id?,
            content_html: None,
        })
    }
}

/// Expands to the `query_as!` of a statement that returns [`CommentRow`]s.
///
/// The statement consists of `$with`, the columns below and `$from`. It names the comment `c` and its author `u`, and
/// binds the viewer's id as `$1`.
macro_rules! select_comments {
    ($with:literal, $from:literal, $($argument:expr),+ $(,)?) => {
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
                u.id as author_id,
                u.name as author_name,
                u.image as author_image,
                u.avatar as author_avatar,
                u."githubUsername" as author_github_username,
                u."isPro" as author_is_pro,
                (
                    select true from follows where "followerId" = $1 and "followingId" = u.id limit 1
                ) is not null as "is_following!"
            "#
                + $from,
            $($argument),+
        )
    };
}

/// Lists a page of the comments by visible users on a project. Returns `None` if the project is not visible to the
/// viewer.
pub async fn list_comments(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    project: &str,
    sort: Sort,
    after: Option<Position>,
    limit: i64,
) -> sqlx::Result<Option<Vec<Comment>>> {
    let (at, id) = after.unzip();
    let rows = match sort {
        Sort::Oldest => {
            select_comments!(
                "",
                r#"
                from projects p
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
                join "user" u on u.id = coalesce(c."authorId", author.id)
                where p.id = $2 and is_visible_to(p, author, $1)
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
            select_comments!(
                "",
                r#"
                from projects p
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
                join "user" u on u.id = coalesce(c."authorId", author.id)
                where p.id = $2 and is_visible_to(p, author, $1)
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
    // No row means that there is no such project; an empty list has one row, without a comment.
    Ok((!rows.is_empty()).then(|| {
        rows.into_iter()
            .filter_map(CommentRow::into_comment)
            .collect()
    }))
}

/// Finds a comment by a visible user on a project that is visible to the viewer.
pub async fn find_comment(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    id: &str,
) -> sqlx::Result<Option<Comment>> {
    let row = select_comments!(
        "",
        r#"
        from comments c
        join "user" u on u.id = c."authorId"
        join projects p on p.id = c."projectId"
        join "user" author on author.id = p."authorId"
        where c.id = $2
            and is_visible(u)
            and is_visible_to(p, author, $1)
        "#,
        viewer.unwrap_or(NOBODY),
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(CommentRow::into_comment))
}

/// Inserts a comment on a project. Returns `None` if the project is not visible to the author of the comment.
pub async fn insert_comment(
    db: impl PgExecutor<'_>,
    author: &str,
    project: &str,
    content: &str,
) -> sqlx::Result<Option<Comment>> {
    let row = select_comments!(
        r#"
        -- Users are locked before projects, in the same order as by the deletion of an account. Both are locked before the
        -- insert, in modes that conflict with every update: with the locks of the foreign keys alone, a comment can outlive
        -- its project.
        with caller as (
            select u.id from "user" u where u.id = $1 for share
        ),
        target as (
            select p.id
            from caller
            join projects p on p.id = $2
            join "user" author on author.id = p."authorId"
            where is_visible_to(p, author, $1)
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
        r#"from inserted c join "user" u on u.id = c."authorId""#,
        author,
        project,
        content,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(CommentRow::into_comment))
}

/// Updates a comment of the author. `"updatedAt"` changes only if the content changes. Returns `None` if the comment
/// does not exist, is not visible, belongs to another user, or if its `"updatedAt"` differs from `expected`.
pub async fn update_comment(
    db: impl PgExecutor<'_>,
    author: &str,
    id: &str,
    content: Option<&str>,
    expected: Option<Timestamp>,
) -> sqlx::Result<Option<Comment>> {
    let row = select_comments!(
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
                and is_visible_to(p, owner, $1)
                and ($4::timestamp is null or date_trunc('milliseconds', c."updatedAt") = $4)
            returning c.id, c.content, c."createdAt", c."updatedAt", c."projectId", c."authorId"
        )"#,
        r#"from updated c join "user" u on u.id = c."authorId""#,
        author,
        id,
        content,
        expected.map(|time| time.0),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(CommentRow::into_comment))
}

/// A deleted comment.
pub struct DeletedComment {
    pub author_id: String,
    pub project_id: String,
    /// Neither the comment nor the project belongs to the user who deleted it.
    pub by_staff: bool,
}

/// Deletes a visible comment on behalf of its author, the author of the project, or staff. Returns `None` if no comment
/// was deleted.
pub async fn delete_comment(
    db: impl PgExecutor<'_>,
    user: &str,
    is_staff: bool,
    id: &str,
) -> sqlx::Result<Option<DeletedComment>> {
    sqlx::query_as!(
        DeletedComment,
        r#"
        -- The author and the project are locked before the comment, in the same order as by the deletion of either.
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
            where is_visible_to(p, owner, $1)
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
