//! The API key that a request comes with.

use axum::http::{HeaderName, Method, header};
use chrono::Duration;
use shared::{
    api_key::{self, ApiKeyRefusal},
    http::{NO_API_KEYS, SESSION_LIFETIME},
    telemetry,
    time::Timestamp,
};

use crate::{
    error::{Error, Result},
    queries::{self, session::Session},
    request::Call,
    session::Current,
};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Judges the request's key and counts its use. Its owner then counts as signed in, with something that looks like a
/// session. Keys read; nothing is written with one here, and no staff right reaches through it.
pub async fn find_owner(call: &Call, method: &Method) -> Result<Option<Current>> {
    let Some(key) = call
        .headers
        .get(X_API_KEY)
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    // What is no text is no key either, and too short for one.
    let token = key.to_str().unwrap_or_default().trim();
    let db = &call.auth.app.db;
    let verified = api_key::verify(db, token).await?;
    call.auth.sweep.run_api_keys(db).await;
    let key = verified.map_err(Error::ApiKey)?;
    let user = queries::user::find(db, &key.user_id)
        .await?
        .ok_or(Error::ApiKey(ApiKeyRefusal::NoOwner))?;
    telemetry::set_user(&user.id);
    if method != Method::GET || call.path.starts_with("/api/auth/admin/") {
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
        ip_address: Some(call.ip_address()).filter(|address| !address.is_empty()),
        user_agent: call
            .headers
            .contains_key(header::USER_AGENT)
            .then(|| call.user_agent()),
        user_id: key.user_id,
        impersonated_by: None,
        id: key.id,
    };
    Ok(Some(Current { session, user }))
}
