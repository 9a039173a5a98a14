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
    http::{Api, delete, describe::text, get, put, topic},
    serve::Group,
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
            .description("Properties that are absent keep their value, and `null` clears one."),
        delete("deleteProfile", "/users/profile", profile::delete)
            .summary("Deletes your account and everything in it")
            .description("The session must be younger than 24 hours.")
            .session_only()
            .purges_cache(),
        get("listUsers", "/users", directory::list)
            .summary("Lists people, newest first, by followers, or as suggestions for you")
            .may_lack::<PublicUser>(&["mutualCount", "sharedSkillsCount"]),
        get("listUserFacets", "/users/facets", directory::facets)
            .summary("Lists the most frequent skills and locations"),
        get("getUser", "/users/{userId}", directory::show)
            .summary("Returns a person's public profile")
            .public(OPEN),
        get(
            "getUserByGithub",
            "/users/by-github/{githubUsername}",
            directory::show_by_github,
        )
        .summary("Returns the public profile of a GitHub user")
        .path_parameter(
            "githubUsername",
            "User name on GitHub; case is ignored",
            || text(Some(1), None),
        )
        .public(OPEN),
        get(
            "getContributions",
            "/users/{userId}/contributions",
            contributions::show,
        )
        .summary("Counts a person's contributions by day")
        .description("Counts public projects created, and comments on public projects.")
        .public(OPEN),
    ];
    Api::new(
        "users",
        "Profiles and the directory of people",
        topic("People", routes),
    )
}

/// Returns the group, as a program serves it.
pub fn group() -> Group {
    Group::new(api(), Ok)
}

/// Returns the group's router.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
