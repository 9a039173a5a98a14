//! The session that a request is sent with.

use axum::http::StatusCode;
use shared::{telemetry, time::Timestamp};

use crate::{
    current_session::CurrentSession,
    error::{Error, Result},
    queries::{
        self,
        session::{ActiveSession, SessionLookup},
    },
    request::Call,
};

/// Maximum age of a fresh session, in milliseconds. A refresh does not change the age.
const FRESH: i64 = 86_400 * 1000;

impl Call {
    /// Returns the request's session. An API key counts as a session, and precedes a cookie. A session that is due is
    /// refreshed, with its cookie; the cookies of a session that has ended are cleared.
    pub async fn session(&self) -> Result<Option<CurrentSession>> {
        if let Some(current) = &self.by_api_key {
            telemetry::set_user(&current.user.id);
            return Ok(Some(current.clone()));
        }
        let cookies = self.cookies();
        cookies.clear_session_data();
        let Some(token) = cookies.read("session_token") else {
            return Ok(None);
        };
        let may_refresh =
            !self.query_flag("disableRefresh") && cookies.read("dont_remember").is_none();
        let found = queries::session::find(&self.auth.app.db, &token, may_refresh).await?;
        match found {
            None | Some(SessionLookup::Expired) => {
                cookies.clear_session();
                Ok(None)
            }
            Some(SessionLookup::Vanished) => {
                cookies.clear_session();
                Err(Error::unauthorized(
                    "FAILED_TO_GET_SESSION",
                    "Failed to get session",
                ))
            }
            Some(SessionLookup::Active(found)) => {
                let ActiveSession {
                    session,
                    user,
                    refreshed,
                } = *found;
                telemetry::set_user(&user.id);
                if refreshed {
                    cookies.set_session(&session.token);
                }
                Ok(Some(CurrentSession { session, user }))
            }
        }
    }

    /// Returns the request's session; 401 without one.
    pub async fn signed_in(&self) -> Result<CurrentSession> {
        self.session().await?.ok_or_else(Error::signed_out)
    }

    /// Returns the request's session; 401 with an empty body without one.
    pub async fn signed_in_or_bare(&self) -> Result<CurrentSession> {
        self.session()
            .await?
            .ok_or(Error::Bare(StatusCode::UNAUTHORIZED))
    }

    /// Returns the request's session if it is the user's own; 401 or 403 otherwise. An impersonating admin is rejected, because
    /// API keys and links outlive the session.
    pub async fn signed_in_as_oneself(&self) -> Result<CurrentSession> {
        let current = self.signed_in().await?;
        current.require_own()?;
        Ok(current)
    }

    /// Returns the request's session if it is less than a day old; 401 or 403 otherwise. An API key is no fresh session.
    pub async fn freshly_signed_in(&self) -> Result<CurrentSession> {
        let current = self.signed_in().await?;
        // The object of an API key always has the present time.
        if self.by_api_key.is_none()
            && Timestamp::now().millis() - current.session.created_at.millis() < FRESH
        {
            Ok(current)
        } else {
            Err(Error::forbidden(
                "SESSION_NOT_FRESH",
                "Session is not fresh",
            ))
        }
    }
}
