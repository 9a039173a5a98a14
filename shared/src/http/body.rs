//! Reads request bodies: checks their size, content type and JSON for every route.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::{Error, Result, bounded_json};

/// Maximum size of a JSON body. API Gateway passes 10 MB, but an event of Lambda is limited to 6 MB after JSON escaping.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// The JSON object in the body of a write. A missing body counts as an empty object.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonBody(pub Map<String, Value>);

/// The bytes of the body, for handlers that compare requests (`Idempotency-Key`). It is a request extension.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

/// Reads a whole body of at most 1 MiB.
pub async fn read(body: Body) -> Result<Bytes> {
    match Limited::new(body, MAX_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Error::TooLarge),
        Err(_) => Err(Error::BadRequest("Malformed request body")),
    }
}

/// Parses a body as a JSON object. Other content types are rejected, because cross-site forms can send some of them.
pub(super) fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<JsonBody> {
    if bytes.is_empty() {
        return Ok(JsonBody::default());
    }
    if !is_json(headers) {
        return Err(Error::UnsupportedMediaType);
    }
    match bounded_json::parse(bytes) {
        Ok(Value::Object(properties)) => Ok(JsonBody(properties)),
        Ok(_) | Err(_) => Err(Error::BadRequest("Malformed JSON body")),
    }
}

/// Returns whether the content type is `application/json`, with any parameters.
pub fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"))
}
