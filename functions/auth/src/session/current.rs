//! The session that a request comes with.

use axum::http::StatusCode;
use shared::{telemetry, time::Timestamp};

use crate::{
    error::{Error, Result},
    queries::{
        self,
        session::{Found, Good, Session},
        user::User,
    },
    request::Call,
};

/// How old a session may be for what needs a fresh one, in milliseconds. A refresh does not make it younger.
const FRESH: i64 = 86_400 * 1000;

/// A good session and its user.
#[derive(Clone, Debug)]
pub struct Current {
    pub session: Session,
    pub user: User,
}

impl Call {
    /// The request's session, or `None`. An API key stands for one, and comes before a cookie. A due refresh happens here, with its cookie; cookies of a session that has ended
    /// are cleared.
    pub async fn session(&self) -> Result<Option<Current>> {
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
            None | Some(Found::Expired) => {
                cookies.clear_session();
                Ok(None)
            }
            Some(Found::Vanished) => {
                cookies.clear_session();
                Err(Error::unauthorized(
                    "FAILED_TO_GET_SESSION",
                    "Failed to get session",
                ))
            }
            Some(Found::Session(found)) => {
                let Good {
                    session,
                    user,
                    refreshed,
                } = *found;
                telemetry::set_user(&user.id);
                if refreshed {
                    cookies.set_session(&session.token);
                }
                Ok(Some(Current { session, user }))
            }
        }
    }

    /// The request's session; 401 without one.
    pub async fn signed_in(&self) -> Result<Current> {
        self.session().await?.ok_or_else(Error::signed_out)
    }

    /// The request's session; 401 with an empty body without one.
    pub async fn signed_in_or_bare(&self) -> Result<Current> {
        self.session()
            .await?
            .ok_or(Error::Bare(StatusCode::UNAUTHORIZED))
    }

    /// The request's session, which must be less than a day old; 401 or 403 otherwise.
    pub async fn freshly_signed_in(&self) -> Result<Current> {
        let current = self.signed_in().await?;
        if Timestamp::now().millis() - current.session.created_at.millis() < FRESH {
            Ok(current)
        } else {
            Err(Error::forbidden(
                "SESSION_NOT_FRESH",
                "Session is not fresh",
            ))
        }
    }
}
