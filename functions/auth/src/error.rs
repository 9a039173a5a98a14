//! Errors in the form of Better Auth: `{"message", "code"}`.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{api_key, http};

use crate::answer::Json;

/// Message for a banned user (Better Auth's admin plugin 1.7).
pub const BANNED: &str = "You have been banned from this application. Please contact support if you believe this is an error.";

/// A handler's result.
pub type Result<T = Response> = std::result::Result<T, Error>;

/// Why a request was rejected or failed.
#[derive(Debug)]
pub enum Error {
    /// A status with a code and a message.
    Code(StatusCode, &'static str, String),
    /// A status with a message and no code.
    Message(StatusCode, String),
    /// A status alone, with an empty body.
    Bare(StatusCode),
    /// 429 with the seconds until the window ends.
    TooManyRequests(u64),
    /// The API key was rejected.
    ApiKey(api_key::ApiKeyRefusal),
    /// An outage or a bug, in the form of the other functions.
    Other(http::Error),
}

impl Error {
    /// 400 with a code.
    pub fn bad_request(code: &'static str, message: &str) -> Self {
        Self::Code(StatusCode::BAD_REQUEST, code, message.to_owned())
    }

    /// 401 with a code.
    pub fn unauthorized(code: &'static str, message: &str) -> Self {
        Self::Code(StatusCode::UNAUTHORIZED, code, message.to_owned())
    }

    /// 403 with a code.
    pub fn forbidden(code: &'static str, message: &str) -> Self {
        Self::Code(StatusCode::FORBIDDEN, code, message.to_owned())
    }

    /// 404 with a code.
    pub fn not_found(code: &'static str, message: &str) -> Self {
        Self::Code(StatusCode::NOT_FOUND, code, message.to_owned())
    }

    /// 400 of invalid fields; `problems` are in the order of the schema.
    pub fn validation(problems: &[String]) -> Self {
        Self::bad_request("VALIDATION_ERROR", &problems.join("; "))
    }

    /// 401 of an endpoint that requires a session.
    pub fn signed_out() -> Self {
        Self::unauthorized("UNAUTHORIZED", "Unauthorized")
    }
}

const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    /// Milliseconds.
    try_again_in: i64,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let answer = |status: StatusCode, code, message: &str| {
            let body = Body {
                message,
                code,
                details: None,
            };
            (status, Json(body)).into_response()
        };
        match self {
            Self::Code(status, code, message) => answer(status, Some(code), &message),
            Self::Message(status, message) => answer(status, None, &message),
            Self::Bare(status) => {
                let json = HeaderValue::from_static("application/json");
                (status, [(header::CONTENT_TYPE, json)]).into_response()
            }
            Self::TooManyRequests(seconds) => {
                let mut response = answer(
                    StatusCode::TOO_MANY_REQUESTS,
                    None,
                    "Too many requests. Please try again later.",
                );
                response
                    .headers_mut()
                    .insert(X_RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::ApiKey(refusal) => {
                let body = Body {
                    message: refusal.message(),
                    code: Some(refusal.code()),
                    details: match refusal {
                        api_key::ApiKeyRefusal::RateLimited(try_again_in) => {
                            Some(Details { try_again_in })
                        }
                        _ => None,
                    },
                };
                (refusal.status(), Json(body)).into_response()
            }
            Self::Other(error) => error.into_response(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::Other(error)
    }
}
