//! The auth function: Better Auth's wire format under `/api/auth`.

mod account;
mod admin;
mod answer;
mod api_key;
mod callback;
mod cookies;
mod disabled;
mod error;
mod fields;
mod flow;
mod link;
pub mod openapi;
mod origin;
mod pages;
mod provider;
mod queries;
mod rate_limit;
mod request;
mod session;
mod sign_in;
mod state;
mod sweep;
mod user;

use shared::{
    AppState,
    http::{Api, Routes},
};

pub use state::AuthState;

const PROVIDER_VARIABLES: &[&str] = &[
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
];

/// Every endpoint. None is behind the session guard: each asks for a session in Better Auth's own order and words.
pub fn api() -> Api<AuthState> {
    let routes = Routes::new()
        .post("/api/auth/sign-in/social", sign_in::social)
        .get("/api/auth/callback/{provider}", callback::finish)
        .post("/api/auth/callback/{provider}", callback::forward)
        .post("/api/auth/sign-out", session::sign_out)
        .get("/api/auth/get-session", session::show)
        .post("/api/auth/get-session", session::refuse_post)
        .get("/api/auth/session", session::show_or_refuse)
        .get("/api/auth/list-sessions", session::list)
        .post("/api/auth/revoke-session", session::revoke)
        .post("/api/auth/revoke-sessions", session::revoke_all)
        .post("/api/auth/revoke-other-sessions", session::revoke_others)
        .post("/api/auth/update-user", user::update)
        .post("/api/auth/update-session", user::update_session)
        .post("/api/auth/delete-user", user::delete)
        .get("/api/auth/list-accounts", account::list)
        .post("/api/auth/link-social", sign_in::link_social)
        .post("/api/auth/unlink-account", account::unlink)
        .post("/api/auth/get-access-token", account::access_token)
        .post("/api/auth/refresh-token", account::refresh)
        .get("/api/auth/account-info", account::info)
        .post("/api/auth/sign-in/email", disabled::sign_in)
        .post("/api/auth/sign-up/email", disabled::sign_up)
        .post("/api/auth/request-password-reset", disabled::reset_password)
        .post("/api/auth/send-verification-email", disabled::verify_email)
        .post("/api/auth/change-email", disabled::change_email)
        .post("/api/auth/change-password", disabled::change_password)
        .get("/api/auth/admin/list-users", admin::list)
        .get("/api/auth/admin/get-user", admin::show)
        .post("/api/auth/admin/create-user", admin::create)
        .post("/api/auth/admin/update-user", admin::update)
        .hides()
        .post("/api/auth/admin/set-role", admin::set_role)
        .post("/api/auth/admin/ban-user", admin::ban)
        .hides()
        .post("/api/auth/admin/unban-user", admin::unban)
        .post("/api/auth/admin/list-user-sessions", admin::list_sessions)
        .post("/api/auth/admin/revoke-user-session", admin::revoke_session)
        .post(
            "/api/auth/admin/revoke-user-sessions",
            admin::revoke_all_sessions,
        )
        .post("/api/auth/admin/impersonate-user", admin::impersonate)
        .post("/api/auth/admin/stop-impersonating", admin::stop)
        .post("/api/auth/admin/remove-user", admin::remove)
        .hides()
        .post("/api/auth/admin/set-user-password", admin::set_password)
        .post("/api/auth/admin/has-permission", admin::has_permission)
        .post("/api/auth/api-key/create", api_key::create)
        .get("/api/auth/api-key/get", api_key::show)
        .get("/api/auth/api-key/list", api_key::list)
        .post("/api/auth/api-key/update", api_key::update)
        .post("/api/auth/api-key/delete", api_key::delete)
        .get("/api/auth/ok", pages::ok)
        .get("/api/auth/error", pages::error);
    Api::new("auth", Routes::new())
        .public("Better Auth judges credentials itself", routes)
        .exact()
        .around(request::around)
        .secrets(PROVIDER_VARIABLES)
        .requires(PROVIDER_VARIABLES)
}

/// The function's router. Fails where the configuration is malformed.
pub fn router(app: AppState) -> anyhow::Result<axum::Router> {
    Ok(api().router(AuthState::new(app)?))
}
