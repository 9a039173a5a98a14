//! Likes of a project.

use axum::extract::State;
use resources::PublicUser;
use serde::Serialize;
use shared::{
    AppState,
    http::{CurrentUser, Error, Json, Page, PageQuery, Path, Query, Result, Viewer},
};
use utoipa::ToSchema;

use crate::{people, queries};

/// The state after the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LikeState {
    pub is_liked: bool,
    pub like_count: i32,
}

/// `PUT /projects/{projectId}/like`
pub async fn like(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(project): Path,
) -> Result<Json<LikeState>> {
    let like_count = app
        .db
        .retry(|| queries::insert_like(&app.db, user.id(), &project))
        .await?
        .ok_or(Error::NotFound("Project"))?;
    Ok(Json(LikeState {
        is_liked: true,
        like_count,
    }))
}

/// `DELETE /projects/{projectId}/like`
pub async fn unlike(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(project): Path,
) -> Result<Json<LikeState>> {
    let like_count = app
        .db
        .retry(|| queries::delete_like(&app.db, user.id(), &project))
        .await?
        .ok_or(Error::NotFound("Project"))?;
    Ok(Json(LikeState {
        is_liked: false,
        like_count,
    }))
}

/// `GET /projects/{projectId}/likes`
pub async fn list(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(project): Path,
    Query(page): Query<PageQuery>,
) -> Result<Page<PublicUser>> {
    let after = page.after(people::NEWEST)?;
    let likers = queries::list_likers(&app.db, viewer.id(), &project, after, page.fetch())
        .await?
        .ok_or(Error::NotFound("Project"))?;
    Ok(people::page(&page, likers))
}
