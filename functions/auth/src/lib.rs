//! The auth function: Better Auth's wire format under `/api/auth`.

mod account;
mod admin;
mod answer;
mod api_key;
mod bodies;
mod callback;
mod cookies;
mod disabled;
mod error;
mod fields;
mod flow;
mod link;
mod origin;
mod pages;
mod provider;
mod queries;
mod rate_limit;
mod request;
mod routes;
mod session;
mod sign_in;
mod state;
mod sweep;
mod user;

use shared::{AppState, http::Api};

pub use state::AuthState;

const PROVIDER_VARIABLES: &[&str] = &[
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
];

/// Every endpoint. None is behind the session guard: each looks for a session in Better Auth's own order and words.
pub fn api() -> Api<AuthState> {
    Api::better_auth(
        "auth",
        "Sign-in, sessions, accounts, administration and API keys: Better Auth's endpoints",
        "Better Auth judges credentials itself",
        routes::all(),
    )
    .around(request::around)
    .secrets(PROVIDER_VARIABLES)
    .requires(PROVIDER_VARIABLES)
}

/// The function's router. Fails where the configuration is malformed.
pub fn router(app: AppState) -> anyhow::Result<axum::Router> {
    Ok(api().router(AuthState::new(app)?))
}
