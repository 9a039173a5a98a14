//! Files of a project.

use axum::extract::State;
use chrono::NaiveDateTime;
use shared::{
    AppState,
    http::{Cursor, Error, Page, PageQuery, Path, Query, Result, Viewer},
};

use crate::{file::File, queries};

const OLDEST: &str = "oldest";

/// `GET /projects/{projectId}/files`
pub async fn list(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(project): Path,
    Query(page): Query<PageQuery>,
) -> Result<Page<File>> {
    let after: Option<(NaiveDateTime, String)> = page.after(OLDEST)?;
    let files = queries::list_files(&app.db, viewer.id(), &project, after, page.fetch())
        .await?
        .ok_or(Error::NotFound("Project"))?;
    let page = page.page(files, |file| {
        Cursor::new(OLDEST, (file.created_at, &file.id))
    });
    Ok(page.map(|file| File::new(file, &app.config.public_url)))
}
