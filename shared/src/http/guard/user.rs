//! The caller of a request: a signed-in user or an anonymous visitor.

use std::{sync::Arc, time::Duration};

use axum::{extract::FromRequestParts, http::request::Parts};
use platform::time::Timestamp;
use serde_json::value::RawValue;

use crate::http::{
    Error, Result,
    describe::{Input, Operation},
};

/// The message for an API key on a route that requires a session.
pub const NO_API_KEYS: &str = "API keys cannot be used here";

/// Maximum age of a fresh session (Better Auth 1.7: `freshAge`).
const FRESH: Duration = Duration::from_hours(24);

/// The signed-in caller. Only the guard creates one.
#[derive(Clone, Debug)]
pub struct CurrentUser(Arc<Caller>);

#[derive(Debug)]
pub(super) struct Caller {
    pub id: String,
    pub role: String,
    pub is_pro: bool,
    pub is_admin: bool,
    pub session: Option<SessionInfo>,
    pub account: Option<Box<RawValue>>,
}

/// The caller's session.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// When it was created. An extension does not change it.
    pub created_at: Timestamp,
    /// Whether an admin impersonates the user.
    pub impersonated: bool,
}

impl CurrentUser {
    pub(super) fn new(caller: Caller) -> Self {
        Self(Arc::new(caller))
    }

    /// `user.id`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns whether the user has a Pro subscription, which doubles some quotas.
    pub fn is_pro(&self) -> bool {
        self.0.is_pro
    }

    /// Returns whether the user has the role `admin` or is listed in `ADMIN_USER_IDS`.
    pub fn is_admin(&self) -> bool {
        self.0.is_admin
    }

    /// Returns whether the caller may moderate content: a moderator or an admin with a session. An API key never may.
    pub fn is_staff(&self) -> bool {
        self.0.session.is_some() && self.has_staff_role()
    }

    /// Returns 403 with that message. With the API key of a staff member, the message says that API keys cannot be used.
    pub fn forbidden(&self, message: &'static str) -> Error {
        let by_key = self.0.session.is_none();
        Error::Forbidden(if by_key && self.has_staff_role() {
            NO_API_KEYS
        } else {
            message
        })
    }

    fn has_staff_role(&self) -> bool {
        self.is_admin() || has_role(&self.0.role, "moderator")
    }

    /// Returns whether an admin impersonates the user.
    pub fn is_impersonated(&self) -> bool {
        let session = self.0.session.as_ref();
        session.is_some_and(|session| session.impersonated)
    }

    /// Returns whether the session is fresh enough for an action that cannot be undone.
    pub fn is_fresh(&self) -> bool {
        self.0.session.as_ref().is_some_and(|session| {
            (Timestamp::now() - session.created_at)
                .to_std()
                .unwrap_or_default()
                < FRESH
        })
    }

    /// Returns the caller's whole row as PostgreSQL writes it in JSON, with `privateProjectsCount`. Only routes
    /// [`with_account`](crate::http::Route::with_account) load it.
    pub fn account(&self) -> Option<&RawValue> {
        self.0.account.as_deref()
    }
}

/// Returns whether the roles include a role. As in the Better Auth admin plugin, one text holds all roles, separated by
/// commas.
pub(super) fn has_role(roles: &str, role: &str) -> bool {
    roles.split(',').any(|found| found == role)
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Error;

    /// Fails closed: on a route that is public by mistake, a request without a credential is rejected.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Error::Unauthorized)
    }
}

impl Input for CurrentUser {
    fn describe(operation: &mut Operation) {
        operation.takes_user = true;
    }
}

/// The caller of a public route: a signed-in user or an anonymous visitor.
#[derive(Clone, Debug)]
pub struct Viewer(pub Option<CurrentUser>);

impl Viewer {
    /// Returns `user.id` of a signed-in viewer.
    pub fn id(&self) -> Option<&str> {
        self.0.as_ref().map(CurrentUser::id)
    }
}

impl Input for Viewer {}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<CurrentUser>().cloned()))
    }
}
