//! What every request goes through, in Better Auth's order: log line, rate limit, (routing,) body, origin, redirect
//! addresses, API key; then what the endpoint itself asks for.

use axum::{
    body::Bytes,
    extract::{FromRequest, MatchedPath, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use shared::http::{self, ClientAddress, body, describe::Input};

use crate::{
    api_key,
    cookies::{CookieJar, SetCookies},
    error::{Error, Result},
    fields::{self, Fields},
    origin, rate_limit,
    session::Current,
    state::AuthState,
};

/// Where all endpoints live.
const BASE: &str = "/api/auth";

const FORM: &str = "application/x-www-form-urlencoded";

/// The path below the base path.
pub fn below_base(path: &str) -> &str {
    path.strip_prefix(BASE).unwrap_or(path)
}

/// Runs around all endpoints, and around what is none: the line of the log that the Node deployment wrote, the rate
/// limit, the cookies that were gathered, and that nobody keeps what tells of API keys.
pub async fn around(auth: AuthState, mut request: Request, next: Next) -> Response {
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
    if let Err(refusal) = auth.rate_limit.check(&auth.app, address, &uri).await {
        return refusal.into_response();
    }
    let cookies = SetCookies::default();
    request.extensions_mut().insert(cookies.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for cookie in cookies.take() {
        headers.append(header::SET_COOKIE, cookie);
    }
    if below_base(uri.path()).starts_with("/api-key/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Never the query: it may hold codes and states.
fn log(request: &Request) {
    tracing::info!(
        method = request.method().as_str(),
        path = request.uri().path(),
        userAgent = text(request.headers(), &header::USER_AGENT),
        origin = text(request.headers(), &header::ORIGIN),
        "auth request"
    );
}

/// A header as text; what is not UTF-8 is replaced.
fn text(headers: &HeaderMap, name: &header::HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    })
}

/// A request whose body could be read, and whose origin and redirect addresses are trusted.
pub struct Call {
    pub auth: AuthState,
    /// Undecoded.
    pub path: String,
    pub headers: HeaderMap,
    /// Names and values, decoded, in order.
    pub query: Vec<(String, String)>,
    /// `None` where the request has none.
    body: Option<Value>,
    address: ClientAddress,
    set_cookies: SetCookies,
    /// The owner of the request's API key, and what stands for a session.
    pub by_api_key: Option<Current>,
}

/// The route describes what its handler reads.
impl Input for Call {}

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
        // `get-session` does not look at a body.
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
        call.by_api_key = api_key::find_owner(&call, &parts.method).await?;
        Ok(call)
    }
}

/// The body, parsed. Without a content type there is none.
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
        let form: Map<String, Value> = form_urlencoded::parse(&bytes)
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
        return Ok(Some(form.into()));
    }
    let allowed = if takes_forms {
        "application/x-www-form-urlencoded, application/json"
    } else {
        "application/json"
    };
    Err(Error::Code(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        format!("Content-Type \"{content_type}\" is not allowed. Allowed types: {allowed}"),
    ))
}

fn parse_json(bytes: &Bytes) -> Result<Value> {
    serde_json::from_slice(bytes)
        .map_err(|_| Error::bad_request("BAD_REQUEST", "Invalid JSON in request body"))
}

impl Call {
    /// The cookies of the request and of its answer.
    pub fn cookies(&self) -> CookieJar<'_> {
        CookieJar {
            config: &self.auth.app.config,
            headers: &self.headers,
            answer: &self.set_cookies,
        }
    }

    /// The body where it is an object.
    pub fn object(&self) -> Option<&Map<String, Value>> {
        self.body.as_ref()?.as_object()
    }

    /// Reads a body that must be an object.
    pub fn body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T> {
        self.read_body("object", read)
    }

    /// Reads a body that must be an object with any fields; the validator has a name of its own for that.
    pub fn record<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T> {
        self.read_body("record", read)
    }

    fn read_body<T>(&self, form: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T> {
        let Some(values) = self.object() else {
            return Err(Error::validation(&[format!(
                "[body] Invalid input: expected {form}, received {}",
                fields::type_of(self.body.as_ref())
            )]));
        };
        read_fields("body", values, read)
    }

    /// Reads a body that may be missing.
    pub fn optional_body<T: Default>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T> {
        if self.body.is_none() {
            return Ok(T::default());
        }
        self.body(read)
    }

    /// Reads the query. A name that comes twice has a list for its value.
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

    /// A boolean of the query: any text but an empty one is true.
    pub fn query_flag(&self, name: &str) -> bool {
        self.query
            .iter()
            .any(|(found, value)| found == name && !value.is_empty())
    }

    /// The client's address as sessions store it.
    pub fn ip_address(&self) -> String {
        rate_limit::client(self.address, self.auth.app.config.production)
    }

    /// The `User-Agent` header, or an empty text.
    pub fn user_agent(&self) -> String {
        text(&self.headers, &header::USER_AGENT)
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
