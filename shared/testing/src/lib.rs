//! Callers that send requests to a group's real router over a fresh database.

mod conformance;
pub mod fuzz;
mod log;
mod redis;
mod rows;
pub mod statistics;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, FromRef},
    http::{HeaderMap, Method, Request, StatusCode},
};
use serde_json::Value;
use sqlx::{ConnectOptions as _, PgPool};
use tower::ServiceExt;

use shared::{
    AppState,
    config::{Config, Quota, Quotas, Variables},
    http::Api,
    random,
};

pub use proptest;

pub use self::{
    log::Log,
    redis::serve_redis,
    rows::{HIDDEN, SHOWN, blocked, ended, number, running, sql, until},
};

const SECRET: &str = "reference-secret-for-tests-0123456789abcdef";

/// Quotas that tests do not exceed by accident.
const GENEROUS: Quotas = {
    let quota = Quota {
        requests: 1_000_000,
        seconds: 3600,
    };
    Quotas {
        read: quota,
        anon: quota,
        write: quota,
        create: quota,
        sentry: quota,
        // No request is sampled, so that equal requests execute equal statements.
        sample: u32::MAX,
        timeout: Quotas::TIMEOUT,
    }
};

/// A group with a database of its own.
#[derive(Clone)]
pub struct App {
    /// State that the handlers receive.
    pub state: AppState,
    group: &'static str,
    router: Router,
}

impl App {
    /// Creates a group that needs only [`AppState`], in development mode, with quotas that tests do not exceed.
    pub fn new(api: Api, db: PgPool) -> Self {
        Self::configured(api, db, &[])
    }

    /// Like [`Self::new`], with these environment variables. `RATE_LIMITS=real` keeps the default quotas,
    /// and `RATE_LIMIT_TIMEOUT=real` the time limit of their counters.
    pub fn configured(api: Api, db: PgPool, variables: &[(&str, &str)]) -> Self {
        Self::with_state(api, db, variables, |app| app)
    }

    /// Like [`Self::configured`], with a state that is made from [`AppState`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test hands its database over"
    )]
    pub fn with_state<S>(
        api: Api<S>,
        db: PgPool,
        variables: &[(&str, &str)],
        state: impl FnOnce(AppState) -> S,
    ) -> Self
    where
        S: Clone + Send + Sync + 'static,
        AppState: FromRef<S>,
    {
        let app = app_state(&db, variables);
        let state = state(app.clone());
        Self {
            state: app,
            group: api.name(),
            router: api.router(state),
        }
    }

    /// Creates a group that connects to the addresses in the variables, as a deployed function does.
    pub fn connected(api: Api, variables: &[(&str, &str)]) -> Self {
        let variables = [
            ("BETTER_AUTH_SECRET", SECRET),
            ("BETTER_AUTH_URL", "http://localhost:3001"),
        ]
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        let state = AppState::new(variables, api.required_names(), api.secret_names())
            .expect("the configuration is valid");
        Self {
            group: api.name(),
            router: api.router(state.clone()),
            state,
        }
    }

    /// Closes the group's connections to the database.
    pub fn lose_database(&self) {
        self.state.db.close();
    }

    /// Creates a user with a session, and returns a caller. The e-mail address is `NAME@test.example`, the id is random.
    pub async fn user(&self, name: &str) -> Caller {
        let id = random::id();
        self.insert_user(&id, name).await;
        self.session(&id).await
    }

    /// Inserts a user without a session.
    pub async fn insert_user(&self, id: &str, name: &str) {
        sqlx::query(
            r#"insert into "user" (id, name, email, "emailVerified", "updatedAt", "githubUsername")
               values ($1, $2, lower($2) || '-' || $1 || '@test.example', true, now() at time zone 'utc', lower($2))"#,
        )
        .bind(id)
        .bind(name)
        .execute(&self.state.db)
        .await
        .expect("a user is inserted");
    }

    /// Creates a session of an existing user, and returns a caller.
    pub async fn session(&self, user_id: &str) -> Caller {
        let token = random::id();
        sqlx::query(
            r#"insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
               values ($1, $2, $3, now() at time zone 'utc' + interval '7 days', now() at time zone 'utc', now() at time zone 'utc')"#,
        )
        .bind(random::id())
        .bind(&token)
        .bind(user_id)
        .execute(&self.state.db)
        .await
        .expect("a session is inserted");
        self.with_token(user_id, &token)
    }

    /// Returns a caller with the signed cookie of a session token.
    pub fn with_token(&self, user_id: &str, token: &str) -> Caller {
        let cookies = &self.state.config.cookies;
        let cookie = format!("{}={}", cookies.name("session_token"), cookies.sign(token));
        Caller {
            cookie: Some(cookie),
            id: user_id.to_owned(),
            ..self.anyone()
        }
    }

    /// Returns a caller without a credential, whose address is 127.0.0.1.
    pub fn anyone(&self) -> Caller {
        Caller {
            group: self.group,
            router: self.router.clone(),
            id: String::new(),
            cookie: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            headers: HeaderMap::new(),
        }
    }
}

/// Returns the state for a database, configured by variables alone. Its pool has the maximum of `db`'s.
fn app_state(db: &PgPool, variables: &[(&str, &str)]) -> AppState {
    let mut address = db.connect_options().to_url_lossy();
    let mut pooler = "none";
    if let Ok(port) = std::env::var(POOLER_PORT) {
        let port = port.parse().expect("a port");
        address.set_port(Some(port)).expect("a server has a port");
        pooler = "transaction-unnamed";
    }
    let mode = std::env::var(POOLER_MODE);
    let connections = db.options().get_max_connections().to_string();
    let variables: Variables = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("BETTER_AUTH_URL", "http://localhost:3001"),
        ("DATABASE_URL", address.as_str()),
        ("DATABASE_MAX_CONNECTIONS", &connections),
        ("DATABASE_POOLER", mode.as_deref().unwrap_or(pooler)),
    ]
    .iter()
    .chain(variables)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    // The remaining quota is exact, unless a test is about sampling.
    let real_limits = variables.get("RATE_LIMITS") == Some("real");
    let real_timeouts = variables.get("RATE_LIMIT_TIMEOUT") == Some("real");
    let mut config = Config::read(variables, &[]).expect("the configuration is valid");
    if !real_limits {
        config.quotas = GENEROUS;
    }
    // On a busy machine a statement or a command takes long.
    if !real_timeouts {
        config.quotas.timeout = Duration::from_secs(5);
    }
    if let Some(redis) = &mut config.redis {
        redis.timeout = Duration::from_secs(5);
    }
    AppState::over(config, &[]).expect("the address is valid")
}

/// Names the variable with the port of a transaction-mode pooler in front of the server. If it is set, groups connect to
/// their database through the pooler, and tests connect directly.
const POOLER_PORT: &str = "TEST_POOLER_PORT";
/// Names the variable with the value of `DATABASE_POOLER` for the pooler.
const POOLER_MODE: &str = "TEST_POOLER_MODE";

/// Returns a field of each element of a list.
pub fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| item[field].as_str().expect("a text"))
        .collect()
}

/// A client that sends requests.
#[derive(Clone)]
pub struct Caller {
    group: &'static str,
    router: Router,
    /// Id of the user, or empty for a caller without a session.
    pub id: String,
    cookie: Option<String>,
    address: IpAddr,
    headers: HeaderMap,
}

impl Caller {
    /// Sends requests to another instance of the group.
    pub fn through(mut self, app: &App) -> Self {
        self.router = app.router.clone();
        self
    }

    /// Sends requests from another address.
    pub fn from_address(mut self, address: &str) -> Self {
        self.address = address.parse().expect("an address");
        self
    }

    /// Adds a header to each request.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .append(name, value.parse().expect("a header value"));
        self
    }

    /// The `Cookie` header that this caller sends.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Sends `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Sends `POST` with JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends `PUT` with JSON.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Sends `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends any method, with JSON or without a body.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.request(request.body(body).expect("a request")).await
    }

    /// Sends any request with the caller's cookie, headers and address. Checks that the response conforms to the OpenAPI
    /// document.
    pub async fn request(&self, mut request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if let Some(cookie) = &self.cookie {
            request
                .headers_mut()
                .append("cookie", cookie.parse().expect("a cookie"));
        }
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(self.address, 50_000)));
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let answered = (parts.status, &parts.headers, body.as_ref());
        conformance::check(self.group, &method, &path, answered);
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        }
    }
}

/// A response.
#[derive(Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, unchanged.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns a header's value, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// Returns all values of a header.
    pub fn header_all(&self, name: &str) -> Vec<String> {
        self.headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().expect("text").to_owned())
            .collect()
    }

    /// Returns the `message` of an error as a sorted list.
    pub fn messages(&self) -> Vec<String> {
        let mut messages: Vec<String> = match &self.json()["message"] {
            Value::Array(messages) => messages
                .iter()
                .map(|message| message.as_str().expect("text").to_owned())
                .collect(),
            Value::String(message) => vec![message.clone()],
            other => panic!("expected messages, got {other}"),
        };
        messages.sort();
        messages
    }

    /// Checks the status and returns the response.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Checks status and `message` of an error. Messages are compared as a set.
    #[track_caller]
    pub fn expect_error(self, status: u16, messages: &[&str]) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let mut expected = messages.to_vec();
        expected.sort_unstable();
        assert_eq!(self.messages(), expected, "{self:?}");
        self
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{:?}\n{}", self.status, self.headers, self.text())
    }
}
