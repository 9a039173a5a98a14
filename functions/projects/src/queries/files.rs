//! Files of a project.

use chrono::NaiveDateTime;
use shared::db::NOBODY;
use sqlx::{PgExecutor, types::Json};

use crate::file::FileRow;

/// Lists the files of a project, oldest first, including pending files of the viewer. Returns `None` if the project is not
/// visible to the viewer.
pub async fn list_files(
    db: impl PgExecutor<'_>,
    viewer: Option<&str>,
    project: &str,
    after: Option<(NaiveDateTime, String)>,
    limit: i64,
) -> sqlx::Result<Option<Vec<FileRow>>> {
    let (after_time, after_id) = after.unzip();
    let files = sqlx::query_scalar!(
        r#"
        select (
            select coalesce(jsonb_agg(to_jsonb(f) order by f."createdAt", f.id), '[]')
            from (
                select f.*
                from upload f
                where f."projectId" = p.id
                    and is_upload_listed(f, $1)
                    and ($3::timestamp is null or (f."createdAt", f.id) > ($3, $4))
                order by f."createdAt", f.id
                limit $5
            ) f
        ) as "files!: Json<Vec<FileRow>>"
        from projects p
        join "user" u on u.id = p."authorId"
        where p.id = $2 and is_visible_to(p, u, $1)
        "#,
        viewer.unwrap_or(NOBODY),
        project,
        after_time,
        after_id,
        limit,
    )
    .fetch_optional(db)
    .await?;
    Ok(files.map(|Json(files)| files))
}
