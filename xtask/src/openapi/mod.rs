//! Writes the OpenAPI document that the health function serves.

mod examples;

use anyhow::ensure;
use testkit::{cargo::cargo, process::Group, workspace};
use tokio::process::Command;

pub use self::examples::add_examples;

/// Headings of the document, in reading order: what most people want to do comes first.
pub const TOPICS: [(&str, &str); 13] = [
    (
        "Projects",
        "Find, read and publish projects. Drafts are visible to their authors only.",
    ),
    ("Comments", "Discuss a project."),
    (
        "Likes",
        "Like a project, and see the people who do. To list the projects that a person likes, use \
         `GET /projects?likedBy={userId}`.",
    ),
    (
        "Files and images",
        "Upload files for a project or an avatar, and serve images in the size that a page needs.",
    ),
    (
        "People",
        "Read and edit profiles, and find people by name, skill or place.",
    ),
    ("Follows", "Follow a person, and see who follows whom."),
    (
        "Feed and notifications",
        "See projects of the people you follow, and likes, comments and follows that you received.",
    ),
    (
        "Sign-in and sessions",
        "Sign in with GitHub or Google, and manage your sessions. The official client of Better Auth sends these requests.",
    ),
    (
        "Linked accounts",
        "Manage the accounts at GitHub and Google with which you sign in.",
    ),
    (
        "API keys",
        "Create keys for scripts, and revoke them. A script sends its key in `x-api-key`.",
    ),
    (
        "Service",
        "Check the health of the service, and read its numbers.",
    ),
    (
        "Administration",
        "List, ban and remove users. For admins only.",
    ),
    (
        "Switched off",
        "Requests that the client of Better Auth can send and that always fail here: passwords and mails are switched off.",
    ),
];

/// Environment variable that makes the test write the document instead of comparing it.
pub const WRITE: &str = "WRITE_OPENAPI";

/// Runs the test that writes `functions/health/openapi.json`. Only the test links all five functions; `xtask` links none
/// and compiles in seconds.
pub async fn write() -> anyhow::Result<()> {
    let mut test = Group::spawn(
        Command::new(cargo())
            .args(["test", "--quiet", "--package", "xtask", "--test", "routes"])
            .args(["--", "--exact", "document::the_document_is_up_to_date"])
            .env(WRITE, "1")
            .current_dir(workspace()),
    )?;
    ensure!(
        test.wait().await?.success(),
        "the OpenAPI document cannot be generated"
    );
    Ok(())
}
