//! Impersonation: an admin acts as another user, and returns.

use axum::{http::StatusCode, response::IntoResponse};
use shared::http::SESSION_LIFETIME;

use super::{
    audit::{audit, user_not_found},
    rights,
    user_id::UserIdBody,
};
use crate::{
    answer::Json,
    current_session::CurrentSession,
    error::{BANNED, Error, Result},
    queries::{
        self,
        session::{ActiveSession, Impersonator, NewSession, SessionCreation, SessionLookup},
    },
    request::{Call, CallWith},
    session::SessionAnswer,
};

/// `POST /api/auth/admin/impersonate-user`
pub async fn impersonate(CallWith(call, body): CallWith<UserIdBody>) -> Result {
    let user_id = body.user_id;
    let admin = call.staff(&rights::IMPERSONATE).await?;
    let db = &call.auth.app.db;
    let user = queries::user::find(db, &user_id)
        .await?
        .ok_or_else(user_not_found)?;
    if rights::is_admin(&call.auth.app.config, &user) {
        return Err(Error::forbidden(
            "YOU_CANNOT_IMPERSONATE_ADMINS",
            "You cannot impersonate admins",
        ));
    }
    let session = NewSession {
        user_id: &user_id,
        ip_address: &call.ip_address(),
        user_agent: &call.user_agent(),
        impersonated_by: Some(Impersonator {
            id: &admin.user.id,
            role: admin.user.role.as_deref(),
        }),
    };
    let made = db.retry(|| queries::session::insert(db, &session)).await?;
    let token = match made {
        None => return Err(user_not_found()),
        Some(SessionCreation::Banned) => return Err(Error::forbidden("BANNED_USER", BANNED)),
        Some(SessionCreation::NoImpersonator) => return Err(rights::IMPERSONATE.refusal()),
        Some(SessionCreation::Created(token, _)) => token,
    };
    let current = find(&call, &token).await?.ok_or_else(user_not_found)?;
    audit(&admin.user.id, "user.impersonate", Some(&user_id));

    let cookies = call.cookies();
    cookies.clear_session();
    let dont_remember = cookies.read("dont_remember").unwrap_or_default();
    cookies.set_signed(
        "admin_session",
        &format!("{}:{dont_remember}", admin.session.token),
        Some(SESSION_LIFETIME),
    );
    cookies.set_signed("session_token", &token, None);
    cookies.set_signed("dont_remember", "true", None);
    Ok(Json(SessionAnswer::from(current)).into_response())
}

/// Returns an active session, and does not refresh it.
async fn find(call: &Call, token: &str) -> Result<Option<CurrentSession>> {
    let found = queries::session::find(&call.auth.app.db, token, false).await?;
    Ok(match found {
        Some(SessionLookup::Active(found)) => {
            let ActiveSession { session, user, .. } = *found;
            Some(CurrentSession { session, user })
        }
        _ => None,
    })
}

fn failed(message: &str) -> Error {
    Error::Message(StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
}

/// `POST /api/auth/admin/stop-impersonating`
pub async fn stop(call: Call) -> Result {
    let current = call.signed_in_or_bare().await?;
    let Some(admin_id) = current.session.impersonated_by else {
        return Err(Error::Message(
            StatusCode::BAD_REQUEST,
            "You are not impersonating anyone".to_owned(),
        ));
    };
    let cookies = call.cookies();
    let kept = cookies
        .read("admin_session")
        .ok_or_else(|| failed("Failed to find admin session"))?;
    let (token, dont_remember) = kept.split_once(':').unwrap_or((&kept, ""));
    let admin = find(&call, token)
        .await?
        .filter(|admin| admin.user.id == admin_id)
        .ok_or_else(|| failed("Failed to find admin session"))?;
    queries::session::delete_impersonated(&call.auth.app.db, &current.session.token).await?;
    audit(&admin_id, "user.stop-impersonating", Some(&current.user.id));

    if dont_remember.is_empty() {
        cookies.set_signed("session_token", token, Some(SESSION_LIFETIME));
        if cookies.read("dont_remember").is_some() {
            cookies.clear("dont_remember");
        }
    } else {
        cookies.set_signed("session_token", token, None);
        cookies.set_signed("dont_remember", "true", None);
    }
    cookies.clear("admin_session");
    Ok(Json(SessionAnswer::from(admin)).into_response())
}
