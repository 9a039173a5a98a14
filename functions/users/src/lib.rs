//! The users function: the caller's own profile, and the directory of all users.

mod contributions;
mod directory;
mod profile;
mod queries;
mod user;
mod website;

use resources::PublicUser;
use shared::{
    AppState,
    http::{Api, delete, get, put},
};

/// All routes of the group.
pub fn api() -> Api {
    const OPEN: &str = "profile pages are for everybody";
    let routes = [
        get("getProfile", "/users/profile", profile::show)
            .summary("Returns your own profile")
            .with_account(),
        put("updateProfile", "/users/profile", profile::update)
            .summary("Updates your own profile")
            .description("Absent fields keep their value, `null` clears them."),
        delete("deleteProfile", "/users/profile", profile::delete)
            .summary("Deletes your account and everything in it")
            .description("The session must be younger than 24 hours.")
            .session_only()
            .purges_cache(),
        get("listUsers", "/users", directory::list)
            .summary("Lists people: newest first, by followers, or suggested to you")
            .may_lack::<PublicUser>(&["mutualCount", "sharedSkillsCount"]),
        get("listUserFacets", "/users/facets", directory::facets)
            .summary("Lists the most frequent skills and locations"),
        get("getUser", "/users/{userId}", directory::show)
            .summary("Returns a public profile")
            .public(OPEN),
        get(
            "getUserByGithub",
            "/users/by-github/{githubUsername}",
            directory::show_by_github,
        )
        .summary("Returns the public profile of a GitHub user name")
        .public(OPEN),
        get(
            "getContributions",
            "/users/{userId}/contributions",
            contributions::show,
        )
        .summary("Counts a person's contributions by day")
        .description("Public projects created, and comments on public projects.")
        .public(OPEN),
    ];
    Api::new("users", "People", routes)
}

/// Returns the group's router.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
