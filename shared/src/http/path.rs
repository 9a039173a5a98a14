//! The path of a request, normalised for all event sources.
//!
//! API Gateway's HTTP APIs decode the path before the function is invoked. To give a path one meaning, it is decoded
//! exactly once for every event source. Nothing else is changed: dot segments, blanks, control characters and doubled
//! slashes stay. The router matches the decoded path, which is encoded again in one form.

use std::borrow::Cow;

use axum::{
    extract::Request,
    http::{
        Uri,
        uri::{Parts as UriParts, PathAndQuery},
    },
};
use lambda_http::{RequestExt, request::RequestContext};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// The bytes besides letters and digits that are not encoded in a path: `pchar` of RFC 3986, and the slash.
const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@/";

/// All bytes but those of [`PLAIN`].
const ENCODED: &AsciiSet = &{
    let mut set = NON_ALPHANUMERIC.remove(PLAIN[0]);
    let mut index = 0;
    while index < PLAIN.len() {
        set = set.remove(PLAIN[index]);
        index += 1;
    }
    set
};

/// Normalises the path for the router.
pub(super) fn normalize(request: &mut Request) {
    let path = normalized(request);
    if path != request.uri().path() {
        let path = path.into_owned();
        set_path(request, &path);
    }
}

/// Returns the path as the router expects it: decoded once, and without the stage of a gateway.
pub fn normalized(request: &Request) -> Cow<'_, str> {
    let extensions = request.extensions();
    let (path, stage) = match extensions.get() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            let raw = extensions.raw_http_path();
            let domain = context.domain_name.as_deref().unwrap_or_default();
            // The events of a Function URL have the same format, but the path is as the client sent it.
            let path = if domain.contains(".lambda-url.") {
                decoded(raw)
            } else {
                encoded(raw.as_bytes()).into()
            };
            (path, context.stage.as_deref())
        }
        // The path of a REST API's event has no stage. `lambda_http` adds it to the URI.
        Some(_) => (decoded(extensions.raw_http_path()), None),
        None => (decoded(request.uri().path()), None),
    };
    match path {
        Cow::Borrowed(path) => without_stage(path, stage).into(),
        Cow::Owned(path) => without_stage(&path, stage).to_owned().into(),
    }
}

/// Decodes the path once, and encodes it in one form.
fn decoded(path: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || PLAIN.contains(&byte);
    if path.bytes().all(is_plain) {
        return path.into();
    }
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    encoded(&bytes).into()
}

fn encoded(path: &[u8]) -> String {
    percent_encode(path, ENCODED).to_string()
}

fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let path = if path.is_empty() { "/" } else { path };
    let Some(stage) = stage.filter(|stage| *stage != "$default") else {
        return path;
    };
    let shorter = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage));
    match shorter {
        Some("") => "/",
        Some(shorter) if shorter.starts_with('/') => shorter,
        _ => path,
    }
}

/// Removes one trailing slash.
pub(super) fn drop_trailing_slash(request: &mut Request) {
    let path = request.uri().path();
    if let Some(shorter) = path.strip_suffix('/').filter(|path| !path.is_empty()) {
        let shorter = shorter.to_owned();
        set_path(request, &shorter);
    }
}

/// Replaces the path. No event source accepts a path of more than 64 KiB, which a URI cannot contain.
fn set_path(request: &mut Request, path: &str) {
    let path_and_query = match request.uri().query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    if let Ok(path_and_query) = path_and_query {
        let mut parts = UriParts::from(request.uri().clone());
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_encoded_in_one_way() {
        for (path, expected) in [
            ("/users/profile", "/users/profile"),
            ("/users/%70rofile", "/users/profile"),
            ("/users/a%2Fb", "/users/a/b"),
            ("/users/a%2fb", "/users/a/b"),
            ("/users/%2570rofile", "/users/%2570rofile"),
            ("/x/../ok", "/x/../ok"),
            ("/x/%2e%2e/ok", "/x/../ok"),
            ("/o%0ak", "/o%0Ak"),
            ("/ok%20", "/ok%20"),
            ("/ok%3Fa", "/ok%3Fa"),
            ("//ok", "//ok"),
            ("/ü%", "/%C3%BC%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/%ff", "/%FF"),
            ("/a+b%2B@:", "/a+b+@:"),
            ("", ""),
        ] {
            assert_eq!(decoded(path), expected, "{path}");
            assert_eq!(decoded(expected), expected, "again: {path}");
        }
    }

    #[test]
    fn a_stage_is_dropped_with_its_slash_only() {
        for (path, stage, expected) in [
            ("/prod/users", Some("prod"), "/users"),
            ("/prod", Some("prod"), "/"),
            ("/prod/", Some("prod"), "/"),
            ("/production", Some("prod"), "/production"),
            ("/users", Some("prod"), "/users"),
            ("/$default/users", Some("$default"), "/$default/users"),
            ("/users", None, "/users"),
            ("", None, "/"),
        ] {
            assert_eq!(without_stage(path, stage), expected, "{path} {stage:?}");
        }
    }
}
