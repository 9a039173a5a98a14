//! The landing page's numbers.

use axum::extract::State;
use serde::Serialize;
use shared::{
    AppState,
    http::{Json, Result},
};
use utoipa::ToSchema;

use crate::queries;

/// Numbers of the rows that everybody may see.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    /// Active users.
    pub users: i64,
    /// Public projects of active users.
    pub projects: i64,
    /// Comments of active users on those projects.
    pub comments: i64,
    /// Likes of active users for those projects.
    pub likes: i64,
}

/// `GET /stats`
pub async fn show(State(app): State<AppState>) -> Result<Json<Stats>> {
    Ok(Json(queries::count_visible(&app.db).await?))
}
