//! The API key that a request is sent with.

use axum::http::{HeaderMap, HeaderName, Method, header};
use chrono::Duration;
use shared::{
    api_key::{self, ApiKeyRefusal},
    http::{NO_API_KEYS, SESSION_LIFETIME},
    telemetry,
    time::Timestamp,
};

use crate::{
    current_session::CurrentSession,
    error::{BANNED, Error, Result},
    queries::{self, session::Session},
    state::AuthState,
};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The parts of a request that the verification of its API key needs.
pub struct KeyRequest<'r> {
    pub method: &'r Method,
    pub path: &'r str,
    pub headers: &'r HeaderMap,
    /// The client's address as sessions store it.
    pub ip_address: String,
    pub user_agent: String,
}

/// Verifies the request's API key and counts its use. Returns the owner, with an object in the format of a session. Under
/// `/api/auth` API keys can only read, and have no admin rights.
pub async fn find_owner(
    auth: &AuthState,
    request: KeyRequest<'_>,
) -> Result<Option<CurrentSession>> {
    let Some(key) = request
        .headers
        .get(X_API_KEY)
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    // A value that is not text is rejected as too short.
    let token = key.to_str().unwrap_or_default().trim();
    let db = &auth.app.db;
    let key = api_key::verify(db, token).await?.map_err(Error::ApiKey)?;
    let user = queries::user::find(db, &key.user_id)
        .await?
        .ok_or(Error::ApiKey(ApiKeyRefusal::NoOwner))?;
    telemetry::set_user(&user.id);
    if user.is_banned() {
        return Err(Error::forbidden("BANNED_USER", BANNED));
    }
    if request.method != Method::GET || request.path.starts_with("/api/auth/admin/") {
        return Err(Error::forbidden("FORBIDDEN", NO_API_KEYS));
    }
    if !key.allows("api", "read") {
        return Err(Error::forbidden(
            "FORBIDDEN",
            "API key lacks the read scope",
        ));
    }
    let now = Timestamp::now();
    let week = Duration::seconds(i64::from(SESSION_LIFETIME));
    let session = Session {
        expires_at: key.expires_at.unwrap_or(now + week),
        token: token.to_owned(),
        created_at: now,
        updated_at: now,
        ip_address: Some(request.ip_address).filter(|address| !address.is_empty()),
        user_agent: request
            .headers
            .contains_key(header::USER_AGENT)
            .then_some(request.user_agent),
        user_id: key.user_id,
        impersonated_by: None,
        id: key.id,
    };
    Ok(Some(CurrentSession { session, user }))
}
