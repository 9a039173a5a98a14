//! The audit log, and errors that several endpoints share.

use crate::error::Error;

/// Logs an action of an admin.
pub fn audit(actor: &str, action: &'static str, user: Option<&str>) {
    tracing::info!(target: "audit", actor, action, user, "an admin acted");
}

/// 404 of a user who does not exist.
pub fn user_not_found() -> Error {
    Error::not_found("USER_NOT_FOUND", "User not found")
}
