//! Follows between users.

use axum::extract::State;
use resources::PublicUser;
use serde::Serialize;
use shared::{
    AppState,
    http::{CurrentUser, Error, Json, Page, PageQuery, Path, Query, Result, Viewer},
};
use utoipa::ToSchema;

use crate::{people, queries};

const SELF_FOLLOW: Error = Error::BadRequest("You cannot follow yourself");

/// The state after the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FollowState {
    pub is_following: bool,
    /// Followers of the person in the path.
    pub followers_count: i32,
}

/// `PUT /users/{userId}/follow`
pub async fn follow(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(target): Path,
) -> Result<Json<FollowState>> {
    if target == user.id() {
        return Err(SELF_FOLLOW);
    }
    let followers_count = app
        .db
        .retry(|| queries::insert_follow(&app.db, user.id(), &target))
        .await?
        .ok_or(Error::NotFound("User"))?;
    Ok(Json(FollowState {
        is_following: true,
        followers_count,
    }))
}

/// `DELETE /users/{userId}/follow`
pub async fn unfollow(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(target): Path,
) -> Result<Json<FollowState>> {
    if target == user.id() {
        return Err(SELF_FOLLOW);
    }
    let followers_count = app
        .db
        .retry(|| queries::delete_follow(&app.db, user.id(), &target))
        .await?
        .ok_or(Error::NotFound("User"))?;
    Ok(Json(FollowState {
        is_following: false,
        followers_count,
    }))
}

/// `GET /users/{userId}/followers`
pub async fn followers(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(subject): Path,
    Query(page): Query<PageQuery>,
) -> Result<Page<PublicUser>> {
    let after = page.after(people::NEWEST)?;
    let found = queries::list_followers(&app.db, viewer.id(), &subject, after, page.fetch())
        .await?
        .ok_or(Error::NotFound("User"))?;
    Ok(people::page(&page, found))
}

/// `GET /users/{userId}/following`
pub async fn following(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(subject): Path,
    Query(page): Query<PageQuery>,
) -> Result<Page<PublicUser>> {
    let after = page.after(people::NEWEST)?;
    let found = queries::list_following(&app.db, viewer.id(), &subject, after, page.fetch())
        .await?
        .ok_or(Error::NotFound("User"))?;
    Ok(people::page(&page, found))
}
