//! Administration of users (Better Auth's admin plugin 1.7).

mod bans;
mod changes;
mod impersonation;
mod list;
pub mod openapi;
mod password;
mod rights;
mod sessions;
mod users;

pub use bans::{ban, unban};
pub use changes::is_email;
pub use impersonation::{impersonate, stop};
pub use list::list;
pub use password::set_password;
pub use rights::has_permission;
pub use sessions::{list_sessions, revoke_all_sessions, revoke_session};
pub use users::{create, remove, set_role, show, update};

use crate::error::Error;

fn user_not_found() -> Error {
    Error::not_found("USER_NOT_FOUND", "User not found")
}

/// Tells an action of staff in the log.
fn audit(actor: &str, action: &'static str, user: Option<&str>) {
    tracing::info!(target: "audit", actor, action, user, "an admin acted");
}
