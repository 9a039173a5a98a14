//! The steps of every request, in Better Auth's order: log line, rate limit, routing, body, origin, redirect addresses, API
//! key. The endpoint's own steps follow.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, MatchedPath, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use shared::http::{
    self, ClientAddress, JsonError, body,
    describe::{Input, Operation},
};

use crate::{
    api_key_credential::{self, KeyRequest},
    client_address::client_address,
    cookies::{CookieJar, SetCookies},
    current_session::CurrentSession,
    error::{Error, Result},
    fields::{self, AuthBody, BodyForm, Fields},
    json_body::{self, MAX_PROPERTIES},
    origin,
    paths::{self, BASE},
    rate_buckets::RateBuckets,
    state::AuthState,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// Maximum length of the stored `User-Agent` header.
const MAX_USER_AGENT_CHARS: usize = 512;
/// Maximum length of a content type in a message.
const MAX_CONTENT_TYPE_CHARS: usize = 255;

/// Runs around all requests below the base path, including those without a route. It writes the log line of the Node
/// deployment, applies the rate limit, sets the gathered cookies, and forbids storing responses about API keys.
pub async fn around(
    auth: AuthState,
    buckets: Arc<RateBuckets>,
    mut request: Request,
    next: Next,
) -> Response {
    let below = request.uri().path().strip_prefix(BASE);
    if below.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        return http::no_route(&request);
    }
    log(&request);
    let address = request
        .extensions()
        .get()
        .copied()
        .unwrap_or(ClientAddress(None));
    let uri = request.uri().clone();
    let bucket = buckets.bucket(uri.path());
    if let Err(error) = auth.rate_limit.check(&auth.app, address, bucket).await {
        return error.into_response();
    }
    let cookies = SetCookies::default();
    request.extensions_mut().insert(cookies.clone());
    let mut response = next.run(request).await;
    if has_foreign_location(&auth, &response) {
        tracing::error!("a redirect to an untrusted address was rejected");
        response = Error::forbidden("INVALID_CALLBACK_URL", "Invalid callbackURL").into_response();
    }
    let headers = response.headers_mut();
    for cookie in cookies.take() {
        headers.append(header::SET_COOKIE, cookie);
    }
    if paths::below_base(uri.path()).starts_with("/api-key/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Returns whether a response has a `Location` that must not be sent. The addresses of requests are verified earlier; this
/// verifies the finished header.
fn has_foreign_location(auth: &AuthState, response: &Response) -> bool {
    let Some(location) = response.headers().get(header::LOCATION) else {
        return false;
    };
    let location = location.to_str().unwrap_or_default();
    !auth.allows_location(location)
}

/// Does not log the query, which may contain codes and states.
fn log(request: &Request) {
    tracing::info!(
        method = request.method().as_str(),
        path = request.uri().path(),
        userAgent = text(request.headers(), &header::USER_AGENT),
        origin = text(request.headers(), &header::ORIGIN),
        "auth request"
    );
}

/// Returns a header as text; bytes that are not UTF-8 are replaced.
fn text(headers: &HeaderMap, name: &header::HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    })
}

/// A request whose body was read, and whose origin and redirect addresses are trusted.
pub struct Call {
    pub auth: AuthState,
    /// The path, not decoded.
    pub path: String,
    pub headers: HeaderMap,
    /// Names and values, decoded, in order.
    pub query: Vec<(String, String)>,
    /// `None` if the request has no body.
    body: Option<Value>,
    address: ClientAddress,
    set_cookies: SetCookies,
    /// The owner of the request's API key, with an object that has the form of a session.
    pub by_api_key: Option<CurrentSession>,
}

/// The route describes the query.
impl Input for Call {}

/// A request with its validated body.
pub struct CallWith<T>(pub Call, pub T);

impl<T: AuthBody> FromRequest<AuthState> for CallWith<T> {
    type Rejection = Error;

    async fn from_request(request: Request, auth: &AuthState) -> Result<Self> {
        let call = Call::from_request(request, auth).await?;
        let body = call.body()?;
        Ok(Self(call, body))
    }
}

impl<T: AuthBody> Input for CallWith<T> {
    fn describe(operation: &mut Operation) {
        let properties = fields::describe::<T>();
        operation.body_as(T::NAME, T::ABOUT, properties, T::MEDIA_TYPES);
    }
}

impl FromRequest<AuthState> for Call {
    type Rejection = Error;

    async fn from_request(request: Request, auth: &AuthState) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map(|path| path.as_str().to_owned())
            .unwrap_or_default();
        let query: Vec<(String, String)> =
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        // `get-session` ignores its body.
        let body = if parts.method == Method::GET || route.ends_with("/get-session") {
            None
        } else {
            let takes_forms = route.contains("/callback/");
            read_body(&parts.headers, body, takes_forms).await?
        };
        if parts.method != Method::GET {
            origin::check(&auth.app.config, &parts.headers, &query, body.as_ref())?;
        }
        let mut call = Self {
            auth: auth.clone(),
            path: parts.uri.path().to_owned(),
            query,
            body,
            address: parts
                .extensions
                .get()
                .copied()
                .unwrap_or(ClientAddress(None)),
            set_cookies: parts.extensions.remove().unwrap_or_default(),
            headers: parts.headers,
            by_api_key: None,
        };
        let request = KeyRequest {
            method: &parts.method,
            path: &call.path,
            headers: &call.headers,
            ip_address: call.ip_address(),
            user_agent: call.user_agent(),
        };
        call.by_api_key = api_key_credential::find_owner(auth, request).await?;
        Ok(call)
    }
}

/// Reads and parses the body. Without a content type there is none.
async fn read_body(
    headers: &HeaderMap,
    body: axum::body::Body,
    takes_forms: bool,
) -> Result<Option<Value>> {
    let content_type = text(headers, &header::CONTENT_TYPE);
    let bytes = match body::read(body).await {
        Ok(bytes) => bytes,
        Err(http::Error::TooLarge) => {
            return Err(Error::Code(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                "Request body is too large".to_owned(),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    if content_type.is_empty() || bytes.is_empty() {
        return Ok(None);
    }
    if body::is_json(headers) {
        return parse_json(&bytes).map(Some);
    }
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if takes_forms && media_type.eq_ignore_ascii_case(FORM) {
        let pairs = form_urlencoded::parse(&bytes);
        if pairs.take(MAX_PROPERTIES + 1).count() > MAX_PROPERTIES {
            return Err(invalid_body("too many properties"));
        }
        let form: Map<String, Value> = pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
        return Ok(Some(form.into()));
    }
    let shown: String = content_type.chars().take(MAX_CONTENT_TYPE_CHARS).collect();
    let allowed = if takes_forms {
        "application/x-www-form-urlencoded, application/json"
    } else {
        "application/json"
    };
    Err(Error::Code(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        format!("Content-Type \"{shown}\" is not allowed. Allowed types: {allowed}"),
    ))
}

fn parse_json(bytes: &[u8]) -> Result<Value> {
    json_body::parse(bytes).map_err(|error| match error {
        JsonError::Malformed => Error::bad_request("BAD_REQUEST", "Invalid JSON in request body"),
        JsonError::TooManyProperties => invalid_body("too many properties"),
        JsonError::TooManyValues => invalid_body("too many values"),
    })
}

fn invalid_body(problem: &str) -> Error {
    Error::validation(&[format!("[body] {problem}")])
}

impl Call {
    /// Returns the cookies of the request and of its response.
    pub fn cookies(&self) -> CookieJar<'_> {
        CookieJar {
            config: &self.auth.app.config,
            headers: &self.headers,
            answer: &self.set_cookies,
        }
    }

    /// Reads the body, which is missing for requests without a content type.
    fn body<T: AuthBody>(&self) -> Result<T> {
        let expected = match T::FORM {
            BodyForm::Object | BodyForm::Optional => "expected object",
            BodyForm::Record => "expected record",
            BodyForm::Union => return self.union(),
        };
        match &self.body {
            Some(Value::Object(values)) => read_fields("body", values, T::read),
            None if T::FORM == BodyForm::Optional => read_fields("body", &Map::new(), T::read),
            other => Err(Error::validation(&[format!(
                "[body] Invalid input: {expected}, received {}",
                fields::type_of(other.as_ref())
            )])),
        }
    }

    fn union<T: AuthBody>(&self) -> Result<T> {
        match &self.body {
            Some(Value::Object(values)) => read_fields("body", values, T::read),
            _ => Err(Error::validation(&["[body] Invalid input".to_owned()])),
        }
    }

    /// Reads the query. The value of a repeated name is a list.
    pub fn query<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T> {
        read_fields("query", &self.query_values(), read)
    }

    fn query_values(&self) -> Map<String, Value> {
        let mut values: Map<String, Value> = Map::new();
        for (name, value) in &self.query {
            let value = Value::String(value.clone());
            match values.get_mut(name) {
                None => {
                    values.insert(name.clone(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        values
    }

    /// Returns a boolean of the query: every text but the empty one is true.
    pub fn query_flag(&self, name: &str) -> bool {
        self.query
            .iter()
            .any(|(found, value)| found == name && !value.is_empty())
    }

    /// Returns the client's address as sessions store it.
    pub fn ip_address(&self) -> String {
        client_address(self.address, self.auth.app.config.production)
    }

    /// Returns the `User-Agent` header as sessions store it: cut to a maximum length, or an empty text.
    pub fn user_agent(&self) -> String {
        let text = text(&self.headers, &header::USER_AGENT);
        text.chars().take(MAX_USER_AGENT_CHARS).collect()
    }
}

fn read_fields<T>(
    part: &str,
    values: &Map<String, Value>,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> Result<T> {
    let mut fields = Fields::new(part, values);
    let value = read(&mut fields);
    let problems = fields.into_problems();
    if problems.is_empty() {
        Ok(value)
    } else {
        Err(Error::validation(&problems))
    }
}
