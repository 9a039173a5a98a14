//! The sessions of other users.

use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{audit::audit, rights, user_id::UserIdBody};
use crate::{
    answer::{self, Json},
    error::Result,
    fields::{AuthBody, Fields, text},
    queries::{self, session::Session},
    request::CallWith,
};

/// A user's sessions.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSessions)]
pub struct Sessions {
    sessions: Vec<Session>,
}

/// `POST /api/auth/admin/list-user-sessions`
pub async fn list_sessions(CallWith(call, body): CallWith<UserIdBody>) -> Result {
    let user_id = body.user_id;
    let admin = call.staff(&rights::LIST_SESSIONS).await?;
    let sessions = queries::admin::list_sessions(&call.auth.app.db, &user_id).await?;
    audit(&admin.user.id, "session.list", Some(&user_id));
    Ok(Json(Sessions { sessions }).into_response())
}

/// The token of another user's session.
pub struct UserSessionToken {
    session_token: String,
}

impl AuthBody for UserSessionToken {
    const NAME: &'static str = "AuthAdminSessionToken";
    const ABOUT: &'static str = "The token of another user's session.";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            session_token: fields.required("sessionToken", text()),
        }
    }
}

/// `POST /api/auth/admin/revoke-user-session`. The response does not reveal whether the session existed.
pub async fn revoke_session(CallWith(call, body): CallWith<UserSessionToken>) -> Result {
    let admin = call.staff(&rights::REVOKE_SESSIONS).await?;
    let user_id = queries::admin::delete_session(&call.auth.app.db, &body.session_token).await?;
    audit(&admin.user.id, "session.revoke", user_id.as_deref());
    Ok(answer::succeeded())
}

/// `POST /api/auth/admin/revoke-user-sessions`
pub async fn revoke_all_sessions(CallWith(call, body): CallWith<UserIdBody>) -> Result {
    let user_id = body.user_id;
    let admin = call.staff(&rights::REVOKE_SESSIONS).await?;
    queries::session::delete_all(&call.auth.app.db, &user_id).await?;
    audit(&admin.user.id, "session.revoke-all", Some(&user_id));
    Ok(answer::succeeded())
}
