//! The users function: the caller's own profile, and the directory of everybody.

mod contributions;
mod directory;
pub mod openapi;
mod profile;
mod queries;
mod search;
mod user;
mod website;

use shared::{
    AppState,
    http::{Api, Routes},
};

/// All routes of the group.
pub fn api() -> Api {
    Api::new(
        "users",
        Routes::new()
            .get("/users/profile", profile::show)
            .with_account()
            .put("/users/profile", profile::update)
            .delete("/users/profile", profile::delete)
            .session_only()
            .hides()
            .get("/users", directory::list)
            .get("/users/facets", directory::facets),
    )
    .public(
        "profile pages are for everybody",
        Routes::new()
            .get("/users/{userId}", directory::show)
            .get(
                "/users/by-github/{githubUsername}",
                directory::show_by_github,
            )
            .get("/users/{userId}/contributions", contributions::show),
    )
}

/// The group's router, ready to serve.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
