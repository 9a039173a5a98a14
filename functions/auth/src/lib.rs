//! The auth function: Better Auth's wire format under `/api/auth`.

mod account;
mod addresses;
mod admin;
mod answer;
mod api_key;
mod api_key_credential;
mod api_key_limit;
mod callback;
mod client_address;
mod cookies;
mod current_session;
mod disabled;
mod email;
mod error;
mod fields;
mod flow;
mod json_body;
mod link;
mod names;
mod origin;
mod pages;
mod paths;
mod provider;
mod queries;
mod rate_buckets;
mod rate_limit;
mod request;
mod routes;
mod session;
mod sign_in;
mod state;
mod user;

use std::sync::Arc;

use rate_buckets::RateBuckets;
use shared::{AppState, config::Required, http::Api, serve::Group};

pub use state::AuthState;

const PROVIDER_VARIABLES: &[&str] = &[
    "GITHUB_API_URL",
    "GITHUB_AUTHORIZE_URL",
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "GITHUB_TOKEN_URL",
    "GOOGLE_AUTHORIZE_URL",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "GOOGLE_ISSUER",
    "GOOGLE_JWKS_URL",
    "GOOGLE_TOKEN_URL",
];

/// One provider is enough.
const PROVIDERS: &[&[&str]] = &[
    &["GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"],
    &["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"],
];

/// Returns the group with all endpoints. The session guard lets every request pass: each endpoint verifies its session itself,
/// with Better Auth's order and messages.
pub fn api() -> Api<AuthState> {
    let routes = routes::all();
    let buckets = Arc::new(RateBuckets::new(
        routes.iter().map(|route| route.rules.path),
    ));
    Api::better_auth(
        "auth",
        "Sign-in, sessions, accounts, administration and API keys: Better Auth's endpoints",
        "Better Auth verifies credentials itself",
        routes,
    )
    .around(move |auth, request, next| request::around(auth, buckets.clone(), request, next))
    .secrets(PROVIDER_VARIABLES)
    .requires(Required::one_of(PROVIDERS))
    .below(paths::BASE)
}

/// Returns the group, as a program serves it.
pub fn group() -> Group {
    Group::new(api(), AuthState::new)
}

/// Returns the function's router.
///
/// # Errors
/// The configuration is malformed.
pub fn router(app: AppState) -> anyhow::Result<axum::Router> {
    Ok(api().router(AuthState::new(app)?))
}
