//! Events of API Gateway, Function URLs and load balancers, as requests.
//!
//! `lambda_http` panics on an invalid `Host` header, on an invalid query, and on some paths. It ignores all cookies if one
//! contains a control character, and rejects an event with such a character in another header. These inputs must not affect
//! more than the header or the cookie itself. So the parts of an event that clients choose are added to the request
//! without `lambda_http`.

use std::convert::Infallible;

use axum::{
    Router,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{COOKIE, HOST},
    },
    response::{IntoResponse, Response},
};
use lambda_http::{
    Adapter, LambdaEvent, RequestExt as _, Service, aws_lambda_events::query_map::QueryMap,
    request::LambdaRequest,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, value::RawValue};
use tower::{ServiceExt as _, service_fn, util::BoxCloneService};

/// Characters that must be encoded in a query.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// An event without the parts that clients choose freely, and those parts.
#[derive(Debug)]
pub struct HttpEvent {
    event: LambdaRequest,
    parts: FreeParts,
}

/// The parts of an event that clients choose.
#[derive(Clone, Debug, Default)]
struct FreeParts {
    path: String,
    query: String,
    /// Headers that `lambda_http` rejects.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let mut parts = FreeParts::default();
        let event = if let Ok(event) = serde_json::from_str(text.get()) {
            event
        } else {
            // A header is the only part chosen by the client that can cause this error.
            let mut event: Value = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
            parts.headers = take_unusual_headers(&mut event);
            serde_json::from_value(event).map_err(D::Error::custom)?
        };
        Ok(Self::new(event, parts))
    }
}

impl HttpEvent {
    fn new(mut event: LambdaRequest, mut parts: FreeParts) -> Self {
        let path;
        match &mut event {
            LambdaRequest::ApiGatewayV2(event) => {
                path = event.raw_path.replace("/".to_owned());
                parts.query = event.raw_query_string.take().unwrap_or_default();
                event.query_string_parameters = QueryMap::default();
                event.request_context.domain_name = event
                    .request_context
                    .domain_name
                    .take()
                    .filter(|domain| is_function_url(domain));
                parts.take_host(&mut event.headers);
                if let Some(cookies) = event.cookies.take() {
                    let header = cookie_header(cookies.iter().map(String::as_str));
                    parts.headers.extend(header.map(|header| (COOKIE, header)));
                }
            }
            LambdaRequest::ApiGatewayV1(event) => {
                path = event.path.replace("/".to_owned());
                let single = std::mem::take(&mut event.query_string_parameters);
                let multiple = std::mem::take(&mut event.multi_value_query_string_parameters);
                parts.query = encoded_query(if multiple.is_empty() {
                    &single
                } else {
                    &multiple
                });
                event.request_context.domain_name = None;
                parts.take_host(&mut event.headers);
                event.multi_value_headers.remove(HOST);
            }
            LambdaRequest::Alb(event) => {
                path = event.path.replace("/".to_owned());
                let single = std::mem::take(&mut event.query_string_parameters);
                let multiple = std::mem::take(&mut event.multi_value_query_string_parameters);
                parts.query = joined_query(if multiple.is_empty() {
                    &single
                } else {
                    &multiple
                });
                parts.take_host(&mut event.headers);
                event.multi_value_headers.remove(HOST);
            }
            // No other kind is enabled.
            _ => path = None,
        }
        parts.path = path.unwrap_or_default();
        Self { event, parts }
    }

    /// Returns the request for the router.
    ///
    /// # Errors
    /// If the path and the query are too long for a URI.
    pub fn into_request(self) -> Result<lambda_http::Request, UriTooLong> {
        self.parts.apply(self.event.into())
    }
}

/// The path and the query have more than 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UriTooLong;

impl IntoResponse for UriTooLong {
    fn into_response(self) -> Response {
        StatusCode::URI_TOO_LONG.into_response()
    }
}

impl FreeParts {
    /// The host is not used for the URI.
    fn take_host(&mut self, headers: &mut HeaderMap) {
        if let Some(host) = headers.remove(HOST) {
            self.headers.push((HOST, host));
        }
    }

    fn apply(self, mut request: lambda_http::Request) -> Result<lambda_http::Request, UriTooLong> {
        let Self {
            path,
            query,
            headers,
        } = self;
        for (name, value) in headers {
            request.headers_mut().append(name, value);
        }
        // The request stack decodes the path. Here it only has to be valid in a URI.
        let mut uri = encoded_path(&path);
        if !query.is_empty() {
            uri.push('?');
            uri.extend(utf8_percent_encode(&query, NOT_IN_QUERY));
        }
        *request.uri_mut() = Uri::try_from(uri).map_err(|_| UriTooLong)?;
        Ok(request.with_raw_http_path(&path))
    }
}

/// Returns a header with the cookies except those with a control character, which browsers do not send and a header cannot
/// contain.
fn cookie_header<'c>(cookies: impl Iterator<Item = &'c str>) -> Option<HeaderValue> {
    let is_possible = |cookie: &&str| !cookie.bytes().any(|byte| byte.is_ascii_control());
    let cookies: Vec<&str> = cookies
        .flat_map(|cookies| cookies.split(';'))
        .map(str::trim)
        .filter(is_possible)
        .collect();
    HeaderValue::from_bytes(cookies.join("; ").as_bytes()).ok()
}

fn encoded_path(path: &str) -> String {
    const NOT_IN_PATH: &AsciiSet = &NOT_IN_QUERY.add(b'?').add(b'`').add(b'{').add(b'}');
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{slash}{}", utf8_percent_encode(path, NOT_IN_PATH))
}

/// Encodes a query of decoded names and values.
fn encoded_query(query: &QueryMap) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query.iter())
        .finish()
}

/// Joins names and values that the client has encoded.
fn joined_query(query: &QueryMap) -> String {
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Returns whether the domain is that of a Function URL. Only such a domain is put into the URI, where the request stack
/// reads it.
fn is_function_url(domain: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    domain.ends_with(".on.aws") && domain.bytes().all(is_plain)
}

/// Removes the headers that `lambda_http` rejects from an event, and returns them. Invalid names, values and cookies are
/// dropped.
fn take_unusual_headers(event: &mut Value) -> Vec<(HeaderName, HeaderValue)> {
    let is_usual = |name: &str, value: &str| {
        HeaderName::try_from(name).is_ok() && HeaderValue::from_str(value).is_ok()
    };
    let mut taken = Vec::new();
    for map in ["multiValueHeaders", "headers"] {
        let Some(headers) = event.get_mut(map).and_then(Value::as_object_mut) else {
            continue;
        };
        headers.retain(|name, value| {
            let values: Vec<&str> = match value {
                Value::String(value) => vec![value],
                Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
                _ => return true,
            };
            if values.iter().all(|value| is_usual(name, value)) {
                return true;
            }
            for value in values {
                // An event of a REST API has every header twice.
                if let Ok(name) = HeaderName::try_from(name)
                    && let Some(value) = unusual_value(&name, value)
                    && !taken.contains(&(name.clone(), value.clone()))
                {
                    taken.push((name, value));
                }
            }
            false
        });
    }
    taken
}

fn unusual_value(name: &HeaderName, value: &str) -> Option<HeaderValue> {
    if name == COOKIE {
        cookie_header([value].into_iter())
    } else {
        HeaderValue::from_bytes(value.as_bytes()).ok()
    }
}

type RouterAdapter =
    Adapter<'static, Response, BoxCloneService<lambda_http::Request, Response, Infallible>>;

/// Serves a router under Lambda.
#[derive(Clone)]
pub struct EventService(pub Router);

impl Service<LambdaEvent<HttpEvent>> for EventService {
    type Response = <RouterAdapter as Service<LambdaEvent<LambdaRequest>>>::Response;
    type Error = Infallible;
    type Future = <RouterAdapter as Service<LambdaEvent<LambdaRequest>>>::Future;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<HttpEvent>) -> Self::Future {
        let HttpEvent {
            event: request,
            parts,
        } = event.payload;
        let router = self.0.clone();
        let service = service_fn(move |request: lambda_http::Request| {
            let (parts, router) = (parts.clone(), router.clone());
            async move {
                match parts.apply(request) {
                    Ok(request) => router.oneshot(request).await,
                    Err(too_long) => Ok(too_long.into_response()),
                }
            }
        });
        RouterAdapter::from(service.boxed_clone()).call(LambdaEvent::new(request, event.context))
    }
}
