//! The session of a request.

use crate::{
    error::{Error, Result},
    queries::{session::Session, user::User},
};

/// An active session and its user.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    pub session: Session,
    pub user: User,
}

impl CurrentSession {
    /// Rejects a session in which an admin impersonates the user with 403.
    pub fn require_own(&self) -> Result<()> {
        if self.session.impersonated_by.is_none() {
            return Ok(());
        }
        Err(Error::forbidden(
            "FORBIDDEN",
            "Impersonated sessions cannot be used here",
        ))
    }
}
