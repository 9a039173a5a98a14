//! The auth function over HTTP, with a real PostgreSQL and a local GitHub and Google.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod account;
mod admin;
mod admin_bans;
mod admin_list;
mod admin_remove;
mod admin_sessions;
mod admin_users;
mod api_key;
mod api_key_manage;
mod api_key_use;
mod body;
mod bounds;
mod callback;
mod concurrency;
mod configuration;
mod destination;
mod id_token;
mod impersonation;
mod large_accounts;
mod link;
mod logs;
mod names;
mod origin;
mod outage;
mod profile;
mod provider_faults;
mod rate_limit;
mod redirects;
mod round_trips;
mod routing;
mod session;
mod session_list;
mod sign_in;
mod tokens;
mod user;

use auth::AuthState;
use axum::http::Method;
use provider::{Person, Provider};
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{Answer, App, Caller};

const FRONTEND: &str = "http://localhost:3000";

/// The function with a local GitHub and Google.
struct Stage {
    app: App,
    provider: Provider,
    db: PgPool,
}

impl Stage {
    async fn new(db: PgPool) -> Self {
        Self::configured(db, &[]).await
    }

    async fn configured(db: PgPool, variables: &[(&str, &str)]) -> Self {
        let provider = Provider::start().await.expect("a free port");
        let settings = provider.settings();
        let variables: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain(variables.iter().copied())
            .collect();
        Self {
            app: app(db.clone(), &variables),
            provider,
            db,
        }
    }

    fn browser(&self) -> Browser {
        Browser {
            app: self.app.clone(),
            cookies: Vec::new(),
        }
    }

    /// Signs a person in through GitHub.
    async fn signed_in(&self, person: &Person) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(&self.provider, "github", person).await;
        assert_eq!(answer.header("location"), "/home", "{answer:?}");
        browser
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&self.db)
            .await
            .unwrap();
    }

    /// Returns the one row that a statement selects, as JSON.
    async fn row(&self, sql: &str) -> Value {
        let sql = sqlx::AssertSqlSafe(format!("select to_jsonb(r) from ({sql}) r"));
        sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap()
    }
}

fn app(db: PgPool, variables: &[(&str, &str)]) -> App {
    App::with_state(auth::api(), db, variables, |app| {
        AuthState::new(app).expect("the configuration is good")
    })
}

/// A browser at the frontend. It stores cookies as real browsers do.
#[derive(Clone)]
struct Browser {
    app: App,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn caller(&self) -> Caller {
        let caller = self.app.anyone().header("origin", FRONTEND);
        if self.cookies.is_empty() {
            return caller;
        }
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        caller.header("cookie", &cookies.join("; "))
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.header_all("set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        let found = self.cookies.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    async fn get(&mut self, path: &str) -> Answer {
        let answer = self.caller().get(path).await;
        self.keep(&answer);
        answer
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        let answer = self.caller().post(path, body).await;
        self.keep(&answer);
        answer
    }

    /// Starts a sign-in, and returns the provider's address.
    async fn start(&mut self, provider: &str) -> String {
        let body = json!({ "provider": provider, "callbackURL": "/home", "newUserCallbackURL": "/home", "errorCallbackURL": "/oops" });
        self.start_with("sign-in/social", body).await
    }

    async fn start_with(&mut self, endpoint: &str, body: Value) -> String {
        let answer = self.post(&format!("/api/auth/{endpoint}"), body).await;
        answer.expect(200).json()["url"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Signs in from start to end. Returns the response to the callback.
    async fn sign_in(&mut self, provider: &Provider, service: &str, person: &Person) -> Answer {
        let url = self.start(service).await;
        let callback = provider.sign_in(&url, person);
        self.follow(&callback).await
    }

    /// Follows a redirect to an absolute address of the API.
    async fn follow(&mut self, address: &str) -> Answer {
        let path = address.strip_prefix("http://localhost:3001").unwrap();
        self.get(path).await
    }

    /// Returns the session as `get-session` does.
    async fn session(&mut self) -> Value {
        self.get("/api/auth/get-session").await.expect(200).json()
    }
}

/// Checks status, code and message.
#[track_caller]
fn expect_code(answer: &Answer, status: u16, code: &str, message: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.json(),
        json!({ "message": message, "code": code }),
        "{answer:?}"
    );
}

/// Checks that a redirect leads to an address.
#[track_caller]
fn expect_redirect(answer: &Answer, location: &str) {
    assert_eq!(answer.status.as_u16(), 302, "{answer:?}");
    assert_eq!(answer.header("location"), location, "{answer:?}");
    assert!(answer.body.is_empty());
}

/// The three cookies of a session, cleared in the order of Better Auth.
const CLEARED: [&str; 3] = [
    "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
];

fn query_of(address: &str) -> Vec<(String, String)> {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs().into_owned().collect()
}

fn parameter(address: &str, name: &str) -> Option<String> {
    let mut query = query_of(address).into_iter();
    query
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

async fn send(
    caller: &Caller,
    method: Method,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Answer {
    let mut request = axum::http::Request::builder().method(method).uri(path);
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    caller
        .request(request.body(body.to_vec().into()).unwrap())
        .await
}
