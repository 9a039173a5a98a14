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
    /// Returns the error 403 if an admin impersonates the user in this session.
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
