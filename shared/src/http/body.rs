//! The one place where request bodies are read: size, content type and JSON are judged here for every route.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::{Error, Result};

/// Largest JSON body. API Gateway passes 10 MB, but Lambda's event stops at 6 MB after JSON escaping.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// The object that a write carries; a missing body counts as an empty one.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonBody(pub Map<String, Value>);

/// Bytes of the body as they came, for handlers that compare requests (`Idempotency-Key`); an axum `Extension`.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

/// Reads a whole body of at most [`MAX_BYTES`].
pub async fn read(body: Body) -> Result<Bytes> {
    match Limited::new(body, MAX_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Error::TooLarge),
        Err(_) => Err(Error::BadRequest("Malformed request body")),
    }
}

/// Parses a body as a JSON object. No body may have another type: a cross-site form cannot send this one.
pub(super) fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<JsonBody> {
    if bytes.is_empty() {
        return Ok(JsonBody::default());
    }
    if !is_json(headers) {
        return Err(Error::UnsupportedMediaType);
    }
    serde_json::from_slice(bytes)
        .map(JsonBody)
        .map_err(|_| Error::BadRequest("Malformed JSON body"))
}

/// Whether the content type is `application/json`, parameters aside.
pub fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"))
}
