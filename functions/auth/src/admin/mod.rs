//! Administration of users (Better Auth's admin plugin 1.7).

mod bans;
pub mod bodies;
mod changes;
mod impersonation;
mod list;
mod password;
mod rights;
mod sessions;
mod users;

pub use bans::{ban, unban};
pub use changes::is_email;
pub use impersonation::{impersonate, stop};
pub use list::{UserList, list};
pub use password::set_password;
pub use rights::{Permission, has_permission};
pub use sessions::{Sessions, list_sessions, revoke_all_sessions, revoke_session};
pub use users::{UserAnswer, create, remove, set_role, show, update};

use crate::error::Error;

fn user_not_found() -> Error {
    Error::not_found("USER_NOT_FOUND", "User not found")
}

/// Tells an action of staff in the log.
fn audit(actor: &str, action: &'static str, user: Option<&str>) {
    tracing::info!(target: "audit", actor, action, user, "an admin acted");
}
