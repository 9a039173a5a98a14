//! The server, and its interface for tests.

use std::{io, net::Ipv4Addr};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    authorize,
    client::{GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET},
    fault::{Endpoint, Fault, Received},
    github, google,
    grant::{Grant, Service, random},
    http::{self, merge},
    keys, misbehave,
    people::Person,
    state::{Shared, State},
};

/// A running stand-in for GitHub and Google. Dropping it stops it.
pub struct Provider {
    state: Shared,
    server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Provider {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self::serve(listener, url, None))
    }

    /// Listens on this port of 127.0.0.1, and serves a page at `/` from which a developer signs in to the API.
    ///
    /// The host name is `localhost`. To a browser, the page is then the same site as an API on `localhost`, and the browser
    /// keeps the API's cookies. The API must trust the origin [`Self::url`]. The page links to `frontend`, the web app.
    pub async fn for_api(api: &str, frontend: &str, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let addresses = (api.to_owned(), frontend.to_owned());
        Ok(Self::serve(listener, url, Some(addresses)))
    }

    fn serve(listener: TcpListener, url: String, api: Option<(String, String)>) -> Self {
        let state = State::new(url, api);
        let router = router(state.clone());
        let server = tokio::spawn(async move {
            // axum::serve never returns: it retries when accept fails.
            let _ = axum::serve(listener, router).await;
        });
        Self { state, server }
    }

    /// The address, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// Returns the variables that make the API use this provider: client ids, secrets and all addresses of both services.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.github_settings();
        settings.extend(self.google_settings());
        settings
    }

    /// Returns GitHub's part of [`Self::settings`].
    pub fn github_settings(&self) -> Vec<(&'static str, String)> {
        let url = self.url();
        vec![
            ("GITHUB_CLIENT_ID", GITHUB_CLIENT_ID.to_owned()),
            ("GITHUB_CLIENT_SECRET", GITHUB_CLIENT_SECRET.to_owned()),
            (
                "GITHUB_AUTHORIZE_URL",
                format!("{url}/github/login/oauth/authorize"),
            ),
            (
                "GITHUB_TOKEN_URL",
                format!("{url}/github/login/oauth/access_token"),
            ),
            ("GITHUB_API_URL", format!("{url}/github")),
        ]
    }

    /// Returns Google's part of [`Self::settings`].
    pub fn google_settings(&self) -> Vec<(&'static str, String)> {
        let url = self.url();
        vec![
            ("GOOGLE_CLIENT_ID", GOOGLE_CLIENT_ID.to_owned()),
            ("GOOGLE_CLIENT_SECRET", GOOGLE_CLIENT_SECRET.to_owned()),
            (
                "GOOGLE_AUTHORIZE_URL",
                format!("{url}/google/o/oauth2/v2/auth"),
            ),
            ("GOOGLE_TOKEN_URL", format!("{url}/google/token")),
            ("GOOGLE_JWKS_URL", format!("{url}/google/certs")),
            ("GOOGLE_USERINFO_URL", format!("{url}/google/userinfo")),
            ("GOOGLE_ISSUER", google::issuer(url)),
        ]
    }

    /// Adds the person, or replaces one with the same id. Returns the person.
    pub fn register(&self, person: Person) -> Person {
        self.state.register(person)
    }

    /// Accepts an authorize request as the person. Returns the address of the callback, with `code` and `state`.
    ///
    /// # Panics
    /// If the service would reject the request. The message has the reason.
    pub fn sign_in(&self, authorize_url: &str, person: &Person) -> String {
        self.decide(authorize_url, |ask| ask.accept(&self.state, person))
    }

    /// Declines an authorize request. Returns the address of the callback, with `error=access_denied`.
    ///
    /// # Panics
    /// As [`Self::sign_in`].
    pub fn deny(&self, authorize_url: &str) -> String {
        self.decide(authorize_url, authorize::Ask::decline)
    }

    /// Accepts an authorize request like [`Self::sign_in`], and returns the code alone.
    pub fn code_for(&self, person: &Person, authorize_url: &str) -> String {
        let callback = self.sign_in(authorize_url, person);
        let query = callback.split_once('?').map_or("", |(_, query)| query);
        let fields = http::Fields::parse(query.as_bytes());
        fields.get("code").unwrap_or_default().to_owned()
    }

    fn decide(
        &self,
        authorize_url: &str,
        decision: impl FnOnce(authorize::Ask) -> String,
    ) -> String {
        let ask = authorize::Ask::parse_address(self.url(), authorize_url)
            .unwrap_or_else(|reason| panic!("{authorize_url} is refused: {reason}"));
        decision(ask)
    }

    /// Returns a token that the profile endpoints accept for the person, as if a code had been exchanged.
    pub fn access_token_for(&self, person: &Person, service: Service) -> String {
        let token = random("access_");
        let grant = grant_for(person, service);
        self.state.lock().access_tokens.insert(token.clone(), grant);
        token
    }

    /// Returns a token that the token endpoint accepts with `grant_type=refresh_token`.
    pub fn refresh_token_for(&self, person: &Person, service: Service) -> String {
        let token = random("refresh_");
        let grant = grant_for(person, service);
        self.state
            .lock()
            .refresh_tokens
            .insert(token.clone(), grant);
        token
    }

    /// Makes GitHub's tokens expire after eight hours and come with a refresh token, as those of a GitHub App do.
    pub fn expire_github_tokens(&self) {
        self.state.lock().github_tokens_expire = true;
    }

    /// Returns an id token of the person. The members of `changes` replace its claims, and a null removes a claim.
    ///
    /// `json!({})` gives a valid token, `json!({ "aud": "another" })` one for another client.
    pub fn google_id_token(&self, person: &Person, changes: &Value) -> String {
        keys::OWN.sign(&self.claims(person, changes))
    }

    /// Returns such a token, signed by a key that is not in the JWKS.
    pub fn forged_google_id_token(&self, person: &Person, changes: &Value) -> String {
        keys::STRANGER.sign(&self.claims(person, changes))
    }

    /// Returns such a token, with `alg` none and no signature.
    pub fn unsigned_google_id_token(&self, person: &Person, changes: &Value) -> String {
        keys::unsigned(&self.claims(person, changes))
    }

    fn claims(&self, person: &Person, changes: &Value) -> Value {
        let mut claims = google::claims(self.url(), person);
        merge(&mut claims, changes);
        claims
    }

    /// Switches on a fault of the endpoint.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.state.lock().faults.insert(endpoint, fault);
    }

    /// Switches off the fault of the endpoint.
    pub fn recover(&self, endpoint: Endpoint) {
        self.state.lock().faults.remove(&endpoint);
    }

    /// Returns the requests that the endpoint has received, oldest first.
    pub fn received(&self, endpoint: Endpoint) -> Vec<Received> {
        let inner = self.state.lock();
        inner
            .received
            .iter()
            .filter(|request| request.endpoint == endpoint)
            .cloned()
            .collect()
    }
}

/// Returns a grant with the usual scopes, without an authorize request.
fn grant_for(person: &Person, service: Service) -> Grant {
    let scopes: &[&str] = match service {
        Service::GitHub => &["read:user", "user:email"],
        Service::Google => &["email", "profile", "openid"],
    };
    Grant {
        service,
        person: person.clone(),
        redirect_uri: String::new(),
        challenge: None,
        scopes: scopes.iter().map(ToString::to_string).collect(),
        nonce: None,
        offline: true,
    }
}

fn router(state: Shared) -> Router {
    Router::new()
        .route("/", get(authorize::front))
        .route("/avatars/{file}", get(authorize::avatar))
        .route("/github/login/oauth/authorize", get(authorize::github))
        .route("/google/o/oauth2/v2/auth", get(authorize::google))
        .route("/github/login/oauth/access_token", post(github::token))
        .route("/github/user", get(github::user))
        .route("/github/user/emails", get(github::emails))
        .route("/google/token", post(google::token))
        .route("/google/certs", get(google::keys))
        .route("/google/userinfo", get(google::userinfo))
        .route("/elsewhere", get(github::token).post(github::token))
        .fallback(|| async { (StatusCode::NOT_FOUND, "Not Found") })
        .layer(middleware::from_fn_with_state(
            state.clone(),
            misbehave::layer,
        ))
        .with_state(state)
}
