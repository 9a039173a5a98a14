//! Views of projects.

use shared::db::NOBODY;
use sqlx::PgExecutor;

/// Counts a view, at most one for each viewer, project and UTC day, and none of the author. Returns whether it was counted,
/// or `None` if the project is not visible to the viewer.
pub async fn insert_view(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    project: &str,
    viewer_key: &str,
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"
        with visible as (
            select p.id, p."authorId"
            from projects p
            join "user" u on u.id = p."authorId"
            where p.id = $2 and is_visible_to(p, u, $1)
        ),
        seen as (
            insert into "projectView" ("projectId", viewer, day)
            select id, $3, (now() at time zone 'utc')::date
            from visible
            where "authorId" is distinct from $1
            on conflict do nothing
            returning "projectId"
        ),
        counted as (
            update projects
            set "viewCount" = "viewCount" + 1
            from seen
            where projects.id = seen."projectId"
        )
        select exists (select from seen) as "is_new!"
        from visible
        "#,
        viewer.unwrap_or(NOBODY),
        project,
        viewer_key,
    )
    .fetch_optional(db)
    .await
}

/// Finds the salt of this UTC day.
pub async fn find_salt(db: impl PgExecutor<'_>) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        r#"select salt from "viewSalt" where day = (now() at time zone 'utc')::date"#
    )
    .fetch_optional(db)
    .await
}

/// Stores the salt of this UTC day, unless a concurrent request has stored one. Returns the stored salt.
pub async fn upsert_salt(db: impl PgExecutor<'_>, salt: &[u8]) -> sqlx::Result<Vec<u8>> {
    sqlx::query_scalar!(
        r#"
        insert into "viewSalt" as stored (day, salt)
        values ((now() at time zone 'utc')::date, $1)
        on conflict (day) do update set salt = stored.salt
        returning salt
        "#,
        salt,
    )
    .fetch_one(db)
    .await
}
