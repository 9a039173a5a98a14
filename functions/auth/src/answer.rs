//! Responses in the form of Better Auth.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with JSON. The content type has no charset, unlike NestJS's.
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

/// The response of an endpoint that returns nothing else.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthDone)]
pub struct Done {
    status: bool,
}

/// Returns `{"status":true}`.
pub fn done() -> Response {
    Json(Done { status: true }).into_response()
}

/// The response of an endpoint of a plugin that returns nothing else.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSuccess)]
pub struct Success {
    success: bool,
}

/// Returns `{"success":true}`.
pub fn succeeded() -> Response {
    Json(Success { success: true }).into_response()
}

/// Returns 302 with an empty body.
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

/// Returns the value of a `Location` header. Control characters and characters outside ASCII are percent-encoded, because
/// neither headers nor the responses of Lambda can contain them.
pub fn location(address: &str) -> HeaderValue {
    let encoded = utf8_percent_encode(address, CONTROLS).to_string();
    HeaderValue::try_from(encoded).unwrap_or(HeaderValue::from_static("/"))
}
