//! `Cache-Control`, `ETag` and 304 (RFC 9110, 8.8.3 and 13.1.2; RFC 9111).

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::Cache;

/// Sets `Cache-Control`, unless the handler has set it. A JSON response to a GET with the status 200 gets an `ETag`, and
/// becomes 304 if the client has it already. `known` are the request's `If-None-Match` headers.
pub(super) async fn finish(
    known: &[HeaderValue],
    is_get: bool,
    cache: Cache,
    with_credential: bool,
    response: Response,
) -> Response {
    let (mut parts, body) = response.into_parts();
    let cacheable = is_get && (parts.status.is_success() || parts.status.is_redirection());
    let control = match cache {
        _ if !cacheable => Some("no-store"),
        Cache::Handler => None,
        Cache::Never => Some("no-store"),
        _ if with_credential => Some("private, no-cache"),
        Cache::Brief => Some("public, max-age=0, s-maxage=15"),
        Cache::Revalidate => Some("public, no-cache"),
    };
    if let Some(control) = control {
        parts
            .headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static(control));
    }
    if !is_get || parts.status != StatusCode::OK || !is_json(&parts.headers) {
        return Response::from_parts(parts, body);
    }
    // The body of a JSON response is in memory already.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return super::Error::Internal(anyhow::anyhow!("a response's body ended early"))
            .into_response();
    };
    let etag = etag(&bytes, parts.headers.get(header::LINK));
    let is_known = matches(known, &etag);
    if let Ok(etag) = HeaderValue::try_from(etag) {
        parts.headers.insert(header::ETAG, etag);
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// Returns a weak tag, because a proxy may compress the body.
fn etag(body: &[u8], link: Option<&HeaderValue>) -> String {
    let mut hash = Sha256::new();
    hash.update(body);
    hash.update(link.map(HeaderValue::as_bytes).unwrap_or_default());
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&hash.finalize()[..16]))
}

/// Compares the tag weakly with each tag of `If-None-Match`. `*` matches every tag.
pub fn matches<'v>(known: impl IntoIterator<Item = &'v HeaderValue>, etag: &str) -> bool {
    known
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag.trim_start_matches("W/"))
}
