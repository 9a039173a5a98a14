//! Statistics for the landing page.

use axum::extract::State;
use shared::{
    AppState,
    http::{Json, Result},
};

use crate::queries::{self, Stats};

/// `GET /stats`
pub async fn show(State(app): State<AppState>) -> Result<Json<Stats>> {
    Ok(Json(queries::count_visible(&app.db).await?))
}
