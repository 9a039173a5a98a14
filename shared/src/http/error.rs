//! Why a request was refused or failed, in the shape of NestJS.

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

use crate::api_key::Refusal;

/// A handler's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was refused or failed.
#[derive(Debug)]
pub enum Error {
    /// 400 with every failing rule of every field.
    Validation(Vec<String>),
    /// 400 for a rule that no single field breaks.
    BadRequest(&'static str),
    /// 401: no credential, or a bad one.
    Unauthorized,
    /// 401, or 429 where it was used too often: an API key that is refused.
    ApiKey(Refusal),
    /// 403: known, and not allowed.
    Forbidden(&'static str),
    /// 404 of a thing, by its noun: `Project`.
    NotFound(&'static str),
    /// 409.
    Conflict(&'static str),
    /// 413: the body is over the limit.
    TooLarge,
    /// 415: a body that is not JSON.
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

/// Seconds after which a client may try again when the database cannot be reached.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
const TOO_MANY_REQUESTS: &str = "Too Many Requests";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, M: Serialize> {
    message: M,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    status_code: u16,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        use StatusCode as S;
        match self {
            Self::Validation(messages) => answer(S::BAD_REQUEST, messages),
            Self::BadRequest(message) => answer(S::BAD_REQUEST, message),
            Self::Unauthorized => with(
                standard(S::UNAUTHORIZED, "Unauthorized"),
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer"),
            ),
            Self::ApiKey(refusal) => refused_key(refusal),
            Self::Forbidden(message) => answer(S::FORBIDDEN, message),
            Self::NotFound(noun) => answer(S::NOT_FOUND, format!("{noun} not found")),
            Self::Conflict(message) => answer(S::CONFLICT, message),
            Self::TooLarge => standard(S::PAYLOAD_TOO_LARGE, "request entity too large"),
            Self::UnsupportedMediaType => answer(
                S::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type must be application/json",
            ),
            Self::Unprocessable(message) => answer(S::UNPROCESSABLE_ENTITY, message),
            Self::TooManyRequests(seconds) => with(
                standard(S::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS),
                header::RETRY_AFTER,
                HeaderValue::from(seconds),
            ),
            Self::Unavailable(cause) => caused_by(
                cause,
                with(
                    standard(S::SERVICE_UNAVAILABLE, "Service Unavailable"),
                    header::RETRY_AFTER,
                    RETRY_AFTER,
                ),
            ),
            Self::Internal(cause) => caused_by(
                cause,
                standard(S::INTERNAL_SERVER_ERROR, "Internal server error"),
            ),
        }
    }
}

/// A refused key is a bad credential like any other, but for its limits. The plugin's own words are under `/api/auth`.
fn refused_key(refusal: Refusal) -> Response {
    let wait = match refusal {
        Refusal::RateLimited(millis) => Some(millis),
        Refusal::UsedUp(refill) => refill,
        _ => return Error::Unauthorized.into_response(),
    };
    match wait {
        Some(millis) => {
            let seconds = u64::try_from(millis).unwrap_or(0).div_ceil(1000).max(1);
            Error::TooManyRequests(seconds).into_response()
        }
        // There is nothing to wait for.
        None => standard(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS),
    }
}

/// The NestJS answer to a path or method that no route has. `path` carries no query.
pub(super) fn no_route(method: &axum::http::Method, path: &str) -> Response {
    answer(StatusCode::NOT_FOUND, format!("Cannot {method} {path}"))
}

fn answer(status: StatusCode, message: impl Serialize) -> Response {
    body(
        status,
        &Body {
            message,
            error: status.canonical_reason(),
            status_code: status.as_u16(),
        },
    )
}

/// The form without `error`, for a message that is the status's own phrase.
fn standard(status: StatusCode, message: &str) -> Response {
    body(
        status,
        &Body {
            message,
            error: None,
            status_code: status.as_u16(),
        },
    )
}

fn body(status: StatusCode, body: &impl Serialize) -> Response {
    (status, super::Json(body)).into_response()
}

/// The cause goes to the request's log line and to Sentry, never to the client.
fn caused_by(cause: anyhow::Error, mut response: Response) -> Response {
    response.extensions_mut().insert(Cause(Arc::new(cause)));
    response
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
        matches!(self, Self::Internal(cause) if cause.downcast_ref().is_some_and(sqlx::Error::lost_race))
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// Turns a violated constraint into an answer.
pub trait ResultExt<T> {
    /// `answer` where exactly the constraint of that name was violated; other errors as usual.
    fn on_constraint(self, name: &str, answer: Error) -> Result<T>;
}

impl<T> ResultExt<T> for sqlx::Result<T> {
    fn on_constraint(self, name: &str, answer: Error) -> Result<T> {
        self.map_err(|error| match &error {
            sqlx::Error::Database(cause) if cause.constraint() == Some(name) => answer,
            _ => error.into(),
        })
    }
}
