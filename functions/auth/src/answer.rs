//! Answers as Better Auth writes them.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with JSON; the content type has no charset, unlike NestJS's.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, APPLICATION_JSON)], body).into_response(),
            Err(error) => shared::http::Error::Internal(error.into()).into_response(),
        }
    }
}

/// That it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthDone)]
pub struct Done {
    status: bool,
}

/// `{"status":true}`
pub fn done() -> Response {
    Json(Done { status: true }).into_response()
}

/// That it has worked.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSuccess)]
pub struct Success {
    success: bool,
}

/// `{"success":true}`
pub fn succeeded() -> Response {
    Json(Success { success: true }).into_response()
}

/// 302 with an empty body.
pub fn redirect(address: &str) -> Response {
    (
        StatusCode::FOUND,
        [
            (header::CONTENT_TYPE, APPLICATION_JSON),
            (header::LOCATION, location(address)),
        ],
    )
        .into_response()
}

/// The address as it is, but for what is no text in a header, nor in a Lambda's answer: that is percent-encoded.
pub fn location(address: &str) -> HeaderValue {
    let encoded = utf8_percent_encode(address, CONTROLS).to_string();
    HeaderValue::try_from(encoded).unwrap_or(HeaderValue::from_static("/"))
}
