//! The request stack around every group: request id, CORS, security headers, timeout, panics, the log line.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use platform::{
    config::Config,
    telemetry::{DatabaseUsage, ObservedRequest, Panic, RequestOutcome, measured},
};
use tower::ServiceExt;

use super::{ClientAddress, Error, path};
use crate::state::AppState;

/// Maximum time of a request, after which it fails with 503. The limit of API Gateway is 30 seconds.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that helmet sets in the Node deployment, and a content security policy for a service without pages.
const SECURITY_HEADERS: [(&str, &str); 12] = [
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Prefix of the paths whose responses other sites may embed.
const IMAGES: &str = "/images/";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const VARY: &str = "Origin, Cookie, Authorization, X-Api-Key, Accept-Encoding";
const ALLOW_METHODS: &str = "GET,POST,PUT,DELETE,OPTIONS";
const ALLOW_HEADERS: &str =
    "Content-Type,Authorization,X-Api-Key,Idempotency-Key,If-None-Match,sentry-trace,baggage";
const EXPOSE_HEADERS: &str = "Link, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Idempotent-Replayed";

/// The method and path as the client sent them, with HEAD and a trailing slash. The path is decoded once and encoded again.
#[derive(Clone)]
pub(super) struct OriginalRequest {
    pub method: Method,
    pub path: String,
}

/// Wraps a group's router in the stack. With `exact`, paths and HEAD are not changed before routing.
pub fn wrap(router: Router, app: AppState, group: &'static str, exact: bool) -> Router {
    Router::new().fallback(move |request: Request| {
        let (router, app) = (router.clone(), app.clone());
        async move { respond(router, &app.config, group, exact, request).await }
    })
}

async fn respond(
    router: Router,
    config: &Config,
    group: &'static str,
    exact: bool,
    mut request: Request,
) -> Response {
    path::normalize(&mut request);
    let request_id = request_id(&request);
    let mut observed = ObservedRequest::start(
        group,
        request_id.to_str().unwrap_or_default(),
        request.method(),
        request.headers(),
    );
    let original = OriginalRequest {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
    };
    let origin = allowed_origin(config, request.headers());
    let address = ClientAddress::of(config, request.headers(), request.extensions());
    request.extensions_mut().insert(address);
    request.extensions_mut().insert(original.clone());
    let is_head = original.method == Method::HEAD;
    if !exact {
        if is_head {
            *request.method_mut() = Method::GET;
        }
        path::drop_trailing_slash(&mut request);
    }

    let (mut response, database) = if original.method == Method::OPTIONS {
        (preflight(origin.is_some()), DatabaseUsage::default())
    } else {
        observed.run(measured(bounded(router, request))).await
    };
    if original.path.starts_with(IMAGES) {
        let policy = HeaderValue::from_static("cross-origin");
        response.headers_mut().insert(RESOURCE_POLICY, policy);
    }
    add_headers(&mut response, origin, &request_id, exact);
    if is_head {
        response = without_body(response);
    }

    let outcome = RequestOutcome {
        address: address.0,
        database,
    };
    observed.finish(outcome, &mut response);
    response
}

/// Converts a panic into 500 and a timeout into 503. The instance keeps running.
async fn bounded(router: Router, request: Request) -> Response {
    let work = AssertUnwindSafe(router.oneshot(request)).catch_unwind();
    match tokio::time::timeout(TIME_LIMIT, work).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(panic)) => {
            let message = panic
                .downcast_ref::<&str>()
                .map(|message| (*message).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            Error::Internal(Panic(message).into()).into_response()
        }
        Err(_) => Error::Unavailable(anyhow::anyhow!("the request timed out")).into_response(),
    }
}

/// Returns the platform's id under Lambda, otherwise a new one. A client's own id is ignored, because it could forge log
/// lines.
fn request_id(request: &Request) -> HeaderValue {
    let id = request
        .extensions()
        .get::<lambda_http::Context>()
        .map(|context| context.request_id.clone())
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("unknown"))
}

/// Returns the origin of the page that sent the request, if it is trusted. Outside production, another origin is logged:
/// the browser only reports "Failed to fetch".
fn allowed_origin(config: &Config, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    if config.trusted_origins.allows_origin(text) {
        return Some(origin.clone());
    }
    if !config.production {
        tracing::warn!(
            origin = text,
            "the origin is not trusted, so the browser refuses the response; add the origin to FRONTEND_URL"
        );
    }
    None
}

fn preflight(allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        let headers = response.headers_mut();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Adds the headers of every response. Headers that a handler has set are kept.
fn add_headers(
    response: &mut Response,
    origin: Option<HeaderValue>,
    request_id: &HeaderValue,
    exact: bool,
) {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let is_missing = response.status() == StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    if is_missing {
        // axum adds it for a wrong method, which is answered like an unknown path.
        headers.remove(header::ALLOW);
    }
    for (name, value) in SECURITY_HEADERS {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSE_HEADERS),
        );
    }
    // A public image varies by less, so that shared caches keep one for all callers.
    headers
        .entry(header::VARY)
        .or_insert(HeaderValue::from_static(VARY));
    headers.insert(REQUEST_ID, request_id.clone());
    if failed && !exact {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// Returns the response to HEAD: the headers of GET, including the length.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact()
        && length > 0
    {
        parts
            .headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}
