//! Error responses in the format of NestJS.

use std::{fmt, sync::Arc};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use platform::{
    db::{LostRace, is_outage},
    telemetry::Cause,
};

use super::json::json_response;
use crate::api_key::ApiKeyRefusal;

/// A handler's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was rejected or failed.
#[derive(Debug)]
pub enum Error {
    /// 400 with every failing rule of every field.
    Validation(Vec<String>),
    /// 400 for a rule that does not belong to one field.
    BadRequest(&'static str),
    /// 401: no credential, or an invalid one.
    Unauthorized,
    /// 401, or 429 if it was used too often: a rejected API key.
    ApiKey(ApiKeyRefusal),
    /// 403: the caller is known and not allowed.
    Forbidden(&'static str),
    /// 404 with the noun of the missing thing: `Project`.
    NotFound(&'static str),
    /// 409.
    Conflict(&'static str),
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body is not JSON.
    UnsupportedMediaType,
    /// 422.
    Unprocessable(&'static str),
    /// 429, with the seconds until the window ends.
    TooManyRequests(u64),
    /// 503: the database or the storage cannot be reached. The cause is logged, never sent.
    Unavailable(anyhow::Error),
    /// 500: a bug. The cause is logged, never sent.
    Internal(anyhow::Error),
}

/// Seconds after which a client may retry if the database cannot be reached.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
const TOO_MANY_REQUESTS: &str = "Too Many Requests";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a, M: Serialize> {
    message: M,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    status_code: u16,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        use StatusCode as S;
        match self {
            Self::Validation(messages) => with_reason(S::BAD_REQUEST, messages),
            Self::BadRequest(message) => with_reason(S::BAD_REQUEST, message),
            Self::Unauthorized => with(
                without_reason(S::UNAUTHORIZED, "Unauthorized"),
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer"),
            ),
            Self::ApiKey(refusal) => rejected_key(refusal),
            Self::Forbidden(message) => with_reason(S::FORBIDDEN, message),
            Self::NotFound(noun) => with_reason(S::NOT_FOUND, format!("{noun} not found")),
            Self::Conflict(message) => with_reason(S::CONFLICT, message),
            Self::TooLarge => without_reason(S::PAYLOAD_TOO_LARGE, "request entity too large"),
            Self::UnsupportedMediaType => with_reason(
                S::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type must be application/json",
            ),
            Self::Unprocessable(message) => with_reason(S::UNPROCESSABLE_ENTITY, message),
            Self::TooManyRequests(seconds) => with(
                without_reason(S::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS),
                header::RETRY_AFTER,
                HeaderValue::from(seconds),
            ),
            Self::Unavailable(cause) => caused_by(
                cause,
                with(
                    without_reason(S::SERVICE_UNAVAILABLE, "Service Unavailable"),
                    header::RETRY_AFTER,
                    RETRY_AFTER,
                ),
            ),
            Self::Internal(cause) => caused_by(
                cause,
                without_reason(S::INTERNAL_SERVER_ERROR, "Internal server error"),
            ),
        }
    }
}

/// A rejected key is an invalid credential, except for its limits. The plugin's own messages are only used under `/api/auth`.
fn rejected_key(refusal: ApiKeyRefusal) -> Response {
    let wait = match refusal {
        ApiKeyRefusal::RateLimited(millis) => Some(millis),
        ApiKeyRefusal::UsedUp(refill) => refill,
        _ => return Error::Unauthorized.into_response(),
    };
    match wait {
        Some(millis) => {
            let seconds = u64::try_from(millis).unwrap_or(0).div_ceil(1000).max(1);
            Error::TooManyRequests(seconds).into_response()
        }
        // The key is never refilled, so there is no time to wait for.
        None => without_reason(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS),
    }
}

/// Returns the response of NestJS to a path or method without a route. `path` contains no query.
pub(super) fn no_route(method: &axum::http::Method, path: &str) -> Response {
    with_reason(StatusCode::NOT_FOUND, format!("Cannot {method} {path}"))
}

/// Returns an error response whose `error` is the status's own phrase.
fn with_reason(status: StatusCode, message: impl Serialize) -> Response {
    body(
        status,
        &ErrorBody {
            message,
            error: status.canonical_reason(),
            status_code: status.as_u16(),
        },
    )
}

/// Returns an error response without `error`, for a message that is the status's own phrase.
fn without_reason(status: StatusCode, message: &str) -> Response {
    body(
        status,
        &ErrorBody {
            message,
            error: None,
            status_code: status.as_u16(),
        },
    )
}

fn body(status: StatusCode, body: &impl Serialize) -> Response {
    (status, json_response(body)).into_response()
}

/// Attaches the cause for the request's log line and for Sentry. It is never sent to the client.
fn caused_by(cause: anyhow::Error, mut response: Response) -> Response {
    response.extensions_mut().insert(Cause(Arc::new(cause)));
    response
}

/// Returns Better Auth's 404, which has no body.
pub(super) fn empty_not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

fn with(mut response: Response, name: header::HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_outage(&error) {
            Self::Unavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}

impl LostRace for Error {
    fn lost_race(&self) -> bool {
        let (Self::Internal(cause) | Self::Unavailable(cause)) = self else {
            return false;
        };
        cause.downcast_ref().is_some_and(sqlx::Error::lost_race)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// Converts the violation of a constraint into an error response.
pub trait ResultExt<T> {
    /// Returns `violation` if exactly that constraint was violated. Other errors are converted as usual.
    fn on_constraint(self, name: &str, violation: Error) -> Result<T>;
}

impl<T> ResultExt<T> for sqlx::Result<T> {
    fn on_constraint(self, name: &str, violation: Error) -> Result<T> {
        self.map_err(|error| match &error {
            sqlx::Error::Database(cause) if cause.constraint() == Some(name) => violation,
            _ => error.into(),
        })
    }
}
