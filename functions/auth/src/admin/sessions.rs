//! Sessions of others.

use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{audit, rights};
use crate::{
    answer::{self, Json},
    error::Result,
    queries::{self, session::Session},
    request::Call,
};

/// A user's sessions.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSessions)]
pub struct Sessions {
    sessions: Vec<Session>,
}

/// `POST /api/auth/admin/list-user-sessions`
pub async fn list_sessions(call: Call) -> Result {
    let user_id = call.body(|fields| fields.coerced_text("userId"))?;
    let admin = call.staff(&rights::LIST_SESSIONS).await?;
    let sessions = queries::admin::list_sessions(&call.auth.app.db, &user_id).await?;
    audit(&admin.user.id, "session.list", Some(&user_id));
    Ok(Json(Sessions { sessions }).into_response())
}

/// `POST /api/auth/admin/revoke-user-session`. Whether there was such a session stays unsaid.
pub async fn revoke_session(call: Call) -> Result {
    let token = call.body(|fields| fields.required_text("sessionToken"))?;
    let admin = call.staff(&rights::REVOKE_SESSIONS).await?;
    let user_id = queries::admin::delete_session(&call.auth.app.db, &token).await?;
    audit(&admin.user.id, "session.revoke", user_id.as_deref());
    Ok(answer::succeeded())
}

/// `POST /api/auth/admin/revoke-user-sessions`
pub async fn revoke_all_sessions(call: Call) -> Result {
    let user_id = call.body(|fields| fields.coerced_text("userId"))?;
    let admin = call.staff(&rights::REVOKE_SESSIONS).await?;
    queries::session::delete_all(&call.auth.app.db, &user_id).await?;
    audit(&admin.user.id, "session.revoke-all", Some(&user_id));
    Ok(answer::succeeded())
}
