//! This group's part of the OpenAPI document.

use shared::openapi::{Operation, date, integer, list, text, words};

use crate::{
    contributions::Contributions,
    directory::UserFacets,
    profile::{Profile, UpdateProfile},
    user::{PublicUser, SelfUser},
};

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/users/profile", "getProfile")
            .summary("Your own profile")
            .json::<Profile>(200),
        Operation::put("/users/profile", "updateProfile")
            .summary("Change your own profile")
            .description("Absent fields keep their value, `null` clears them.")
            .body::<UpdateProfile>()
            .json::<SelfUser>(200),
        Operation::delete("/users/profile", "deleteProfile")
            .summary("Delete your account and everything in it")
            .description("The session must be younger than 24 hours.")
            .no_content(),
        Operation::get("/users", "listUsers")
            .summary("Find people")
            .query(
                "q",
                "Up to 8 terms that must all occur in the name, the GitHub name or a skill",
                text().min_length(Some(1)).max_length(Some(100)),
            )
            .query(
                "skill",
                "All must match, in whatever case",
                list(text().min_length(Some(1))).max_items(Some(10)),
            )
            .query("location", "A part of it", text().max_length(Some(100)))
            .query(
                "sort",
                "`newest` by default. `suggested` has one page, and items with `mutualCount` and `sharedSkillsCount`",
                words(&["newest", "followers", "suggested"]),
            )
            .page::<PublicUser>()
            .optional::<PublicUser>(&["mutualCount", "sharedSkillsCount"]),
        Operation::get("/users/facets", "listUserFacets")
            .summary("The most frequent skills and locations")
            .query("prefix", "What they begin with", text().max_length(Some(50)))
            .query("limit", "Of each; 20 by default", integer(1, 100))
            .json::<UserFacets>(200),
        Operation::get("/users/{userId}", "getUser")
            .summary("Somebody's profile")
            .json::<PublicUser>(200),
        Operation::get("/users/by-github/{githubUsername}", "getUserByGithub")
            .summary("The profile of a GitHub name")
            .json::<PublicUser>(200),
        Operation::get("/users/{userId}/contributions", "getContributions")
            .summary("What somebody did each day")
            .description("Public projects created, and comments on public projects.")
            .query("from", "First day in UTC; 371 days before `to` by default", date())
            .query("to", "Last day in UTC; today by default", date())
            .json::<Contributions>(200),
    ]
}
