//! The endpoints about sessions.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{self, Json},
    current_session::CurrentSession,
    error::{Error, Result},
    fields::{AuthBody, BodyForm, Fields, boolean, text},
    queries::{self, session::Session, user::User},
    request::{Call, CallWith},
};

/// A session and its user.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSessionAnswer)]
pub struct SessionAnswer {
    session: Session,
    user: User,
}

impl From<CurrentSession> for SessionAnswer {
    fn from(CurrentSession { session, user }: CurrentSession) -> Self {
        Self { session, user }
    }
}

/// `GET /api/auth/get-session`: the session and its user, or `null`.
pub async fn show(call: Call) -> Response {
    let answer = call
        .session()
        .await
        .map(|current| Json(current.map(SessionAnswer::from)));
    uncached(answer.into_response())
}

/// `GET /api/auth/session`, which Better Auth does not have: the session and its user, or 401.
pub async fn show_or_refuse(call: Call) -> Response {
    let answer = call
        .signed_in()
        .await
        .map(|current| Json(SessionAnswer::from(current)));
    uncached(answer.into_response())
}

/// `POST /api/auth/get-session`
pub async fn refuse_post(_: Call) -> Response {
    let refusal = Error::Code(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config".to_owned(),
    );
    uncached(refusal.into_response())
}

fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// `GET /api/auth/list-sessions`
pub async fn list(call: Call) -> Result {
    let current = call.freshly_signed_in().await?;
    let sessions = queries::session::list(&call.auth.app.db, &current.user.id).await?;
    Ok(Json(sessions).into_response())
}

/// The token of a session.
pub struct SessionTokenBody {
    token: String,
}

impl AuthBody for SessionTokenBody {
    const NAME: &'static str = "AuthSessionToken";
    const ABOUT: &'static str = "The token of a session.";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            token: fields.required("token", text()),
        }
    }
}

/// `POST /api/auth/revoke-session`. The response does not reveal whether the session existed.
pub async fn revoke(CallWith(call, body): CallWith<SessionTokenBody>) -> Result {
    let current = call.signed_in().await?;
    queries::session::delete_own(&call.auth.app.db, &current.user.id, &body.token).await?;
    if body.token == current.session.token {
        call.cookies().clear_session();
    }
    Ok(answer::done())
}

/// `POST /api/auth/revoke-sessions`
pub async fn revoke_all(call: Call) -> Result {
    let current = call.signed_in().await?;
    queries::session::delete_all(&call.auth.app.db, &current.user.id).await?;
    call.cookies().clear_session();
    Ok(answer::done())
}

/// `POST /api/auth/revoke-other-sessions`
pub async fn revoke_others(call: Call) -> Result {
    let current = call.signed_in().await?;
    let db = &call.auth.app.db;
    queries::session::delete_others(db, &current.user.id, &current.session.token).await?;
    Ok(answer::done())
}

/// The response of a sign-out.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSignedOut)]
pub struct SignedOut {
    success: bool,
}

/// Fields for providers with a sign-out of their own. GitHub and Google have none, so the fields have no effect.
pub struct SignOutBody;

impl AuthBody for SignOutBody {
    const FORM: BodyForm = BodyForm::Optional;

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.undocumented("callbackURL", text());
        fields.undocumented("disableRedirect", boolean());
        fields.undocumented("state", text());
        Self
    }
}

/// `POST /api/auth/sign-out`, with or without a session.
pub async fn sign_out(CallWith(call, _): CallWith<SignOutBody>) -> Result {
    if let Some(token) = call.cookies().read("session_token") {
        queries::session::delete(&call.auth.app.db, &token).await?;
    }
    call.cookies().clear_session();
    Ok(Json(SignedOut { success: true }).into_response())
}
