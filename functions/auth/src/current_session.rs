//! The session of a request.

use crate::queries::{session::Session, user::User};

/// An active session and its user.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    pub session: Session,
    pub user: User,
}
