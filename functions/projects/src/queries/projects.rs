//! Reading and writing one project.

use chrono::SubsecRound;
use shared::{db::NOBODY, time::Timestamp};
use sqlx::{PgExecutor, types::Json};

use crate::{
    file::FileRow,
    project::{CreateProject, ProjectRow, UpdateProject},
};

/// Expands to the `query_as!` of a statement that returns [`ProjectRow`]s.
///
/// The statement consists of `$with` and the columns below. `$with` defines the common table expression `project`, and the
/// statement binds the viewer's id as `$1`.
macro_rules! select_projects {
    ($with:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            ProjectRow,
            $with
            + r#"
            select
                p.id as "id!",
                p.title as "title!",
                p.description,
                p.content,
                coalesce(p.tags, '{}') as "tags!",
                p.language,
                p."isPublic" as "is_public!",
                p."viewCount" as "view_count!",
                p."likeCount" as "like_count!",
                comments.count::int as "comment_count!",
                p."createdAt" as "created_at!: Timestamp",
                p."updatedAt" as "updated_at!: Timestamp",
                p."authorId" as "author_id!",
                u.name as author_name,
                u.image as author_image,
                u.avatar as author_avatar,
                u."githubUsername" as author_github_username,
                u."isPro" as author_is_pro,
                exists (
                    select from follows f where f."followerId" = $1 and f."followingId" = u.id
                ) as "is_following!",
                exists (
                    select from likes l where l."userId" = $1 and l."projectId" = p.id
                ) as "is_liked!",
                (
                    select coalesce(jsonb_agg(to_jsonb(f) order by f."createdAt", f.id), '[]')
                    from upload f
                    where f."projectId" = p.id and is_upload_listed(f, $1)
                ) as "files!: Json<Vec<FileRow>>"
            from project p
            join "user" u on u.id = p."authorId"
            cross join lateral visible_comments(p.id, p."commentCount") comments
            "#,
            $($argument),+
        )
    };
}

/// Finds a project that is visible to the viewer.
pub async fn find_project(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    id: &str,
) -> sqlx::Result<Option<ProjectRow>> {
    select_projects!(
        r#"
        with project as (
            select p.*
            from projects p
            join "user" u on u.id = p."authorId"
            where p.id = $2 and is_visible_to(p, u, $1)
        )
        "#,
        viewer.unwrap_or(NOBODY),
        id,
    )
    .fetch_optional(db)
    .await
}

/// Inserts a project, and counts it for its author if it is public.
pub async fn insert_project(
    db: impl PgExecutor<'_>,
    author: &str,
    id: &str,
    project: &CreateProject,
) -> sqlx::Result<ProjectRow> {
    select_projects!(
        r#"
        with project as (
            insert into projects (
                id, "authorId", title, description, content, tags, language, "isPublic", "createdAt", "updatedAt"
            )
            values (
                $2, $1, $3, $4, $5, distinct_folded(fold_all($6)), $7, $8, now() at time zone 'utc', now() at time zone 'utc'
            )
            returning *
        ),
        counted as (
            update "user"
            set "projectsCount" = "projectsCount" + 1
            from project
            where "user".id = project."authorId" and project."isPublic"
        )
        "#,
        author,
        id,
        project.title,
        project.description as _,
        project.content as _,
        &project.tags,
        project.language as _,
        project.is_public,
    )
    .fetch_one(db)
    .await
}

/// Updates a project of the author, and adjusts the author's counter if the project becomes public or private. Returns
/// `None` if the project does not belong to the author, or if its `"updatedAt"` differs from the expected one.
pub async fn update_project(
    db: impl PgExecutor<'_>,
    author: &str,
    id: &str,
    changes: &UpdateProject,
) -> sqlx::Result<Option<ProjectRow>> {
    select_projects!(
        r#"
        -- The row of the author is locked first, as in every statement, so that concurrent writers do not deadlock.
        with author as (
            select id
            from "user"
            where id = $1
            for no key update
        ),
        -- The lock returns the newest state, including the changes of a writer that this statement waited for.
        stored as (
            select p.*
            from projects p
            where p.id = $2 and p."authorId" = (select id from author)
            for no key update
        ),
        wanted as (
            select
                id,
                "isPublic" as "wasPublic",
                case when $3 then $4 else title end as title,
                case when $5 then $6 else description end as description,
                case when $7 then $8 else content end as content,
                case when $9 then distinct_folded(fold_all($10)) else coalesce(tags, '{}') end as tags,
                case when $11 then $12 else language end as language,
                case when $13 then $14 else "isPublic" end as "isPublic"
            from stored
            where $15::timestamp is null or date_trunc('milliseconds', "updatedAt") = $15
        ),
        project as (
            update projects p
            set title = w.title,
                description = w.description,
                content = w.content,
                tags = w.tags,
                language = w.language,
                "isPublic" = w."isPublic",
                "updatedAt" = case
                    when (p.title, p.description, p.content, coalesce(p.tags, '{}'), p.language, p."isPublic")
                        is distinct from (w.title, w.description, w.content, w.tags, w.language, w."isPublic")
                    -- Strictly later, even for a second change within one millisecond.
                    then greatest(now() at time zone 'utc', p."updatedAt" + interval '1 millisecond')
                    else p."updatedAt"
                end
            from wanted w
            where p.id = w.id
            returning p.*
        ),
        counted as (
            update "user"
            set "projectsCount" = "projectsCount" + case when project."isPublic" then 1 else -1 end
            from project
            join wanted using (id)
            where "user".id = project."authorId" and project."isPublic" <> wanted."wasPublic"
        )
        "#,
        author,
        id,
        changes.title.is_some(),
        changes.title as _,
        changes.description.is_some(),
        changes.description.as_ref().and_then(Option::as_ref) as _,
        changes.content.is_some(),
        changes.content.as_ref().and_then(Option::as_ref) as _,
        changes.tags.is_some(),
        changes.tags.as_deref() as _,
        changes.language.is_some(),
        changes.language.as_ref().and_then(Option::as_ref) as _,
        changes.is_public.is_some(),
        changes.is_public as _,
        changes.expected_updated_at.map(|time| time.0.trunc_subsecs(3)) as _,
    )
    .fetch_optional(db)
    .await
}

/// Deletes a project of the caller, or for staff any project that is visible to everybody, and adjusts the author's counter.
/// Returns the author, or `None` if no project was deleted.
pub async fn delete_project(
    db: impl PgExecutor<'_>,
    caller: &str,
    is_staff: bool,
    id: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        with author as (
            select u.id, is_visible(u) as "isVisible"
            from "user" u
            where u.id = (select p."authorId" from projects p where p.id = $2)
            for no key update
        ),
        gone as (
            delete from projects p
            using author a
            where p.id = $2
                and p."authorId" = a.id
                and (a.id = $1 or $3 and p."isPublic" and a."isVisible")
            returning p."authorId", p."isPublic"
        ),
        counted as (
            update "user"
            set "projectsCount" = "projectsCount" - 1
            from gone
            where "user".id = gone."authorId" and gone."isPublic"
        )
        select "authorId" from gone
        "#,
        caller,
        id,
        is_staff,
    )
    .fetch_optional(db)
    .await
}

/// The relation of a user to a project that is visible to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectAccess {
    /// The user is the author.
    Author,
    /// The user can only read it.
    Reader,
}

/// Finds the viewer's access to a project, to explain why a write found no row. Returns `None` if the project is not visible
/// to the viewer.
pub async fn find_access(
    db: impl PgExecutor<'_>,
    viewer: &str,
    id: &str,
) -> sqlx::Result<Option<ProjectAccess>> {
    let is_author = sqlx::query_scalar!(
        r#"
        select p."authorId" = $1 as "is_author!"
        from projects p
        join "user" u on u.id = p."authorId"
        where p.id = $2 and is_visible_to(p, u, $1)
        "#,
        viewer,
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(is_author.map(|is_author| {
        if is_author {
            ProjectAccess::Author
        } else {
            ProjectAccess::Reader
        }
    }))
}
