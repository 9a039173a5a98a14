//! Who calls: the signed-in user, or nobody known.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::request::Parts,
};
use serde_json::value::RawValue;

use crate::{
    http::{
        Error, Result,
        describe::{Input, Operation},
    },
    time::Timestamp,
};

/// What an API key is told where only a session will do.
pub const NO_API_KEYS: &str = "API keys cannot be used here";

/// How old a session may be for what needs a fresh one (Better Auth 1.7: `freshAge`).
const FRESH: Duration = Duration::from_hours(24);

/// The signed-in caller. Only the guard makes one.
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

/// The session that the caller came with.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// When it was made; refreshing does not move it.
    pub created_at: Timestamp,
}

impl CurrentUser {
    pub(super) fn new(caller: Caller) -> Self {
        Self(Arc::new(caller))
    }

    /// `user.id`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Whether they pay; doubles some quotas.
    pub fn is_pro(&self) -> bool {
        self.0.is_pro
    }

    /// Has the role `admin`, or is named in `ADMIN_USER_IDS`.
    pub fn is_admin(&self) -> bool {
        self.0.is_admin
    }

    /// May moderate content: a moderator or an admin, with a session of their own. Never through an API key.
    pub fn is_staff(&self) -> bool {
        self.0.session.is_some() && self.has_staff_role()
    }

    /// 403 with that message; staff who came with an API key are told that their role does not count there.
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

    /// Whether the session is young enough for what cannot be undone; a refresh does not make it younger.
    pub fn is_fresh(&self) -> bool {
        self.0.session.as_ref().is_some_and(|session| {
            (Timestamp::now() - session.created_at)
                .to_std()
                .unwrap_or_default()
                < FRESH
        })
    }

    /// The caller's whole row as PostgreSQL writes it in JSON, with `privateProjectsCount`; only on routes
    /// [`with_account`](crate::http::Route::with_account).
    pub fn account(&self) -> Option<&RawValue> {
        self.0.account.as_deref()
    }
}

/// Roles are stored in one text, separated by commas, as the Better Auth admin plugin does.
pub(super) fn has_role(roles: &str, role: &str) -> bool {
    roles.split(',').any(|found| found == role)
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Error;

    /// Fails closed: on a route that was mounted public by mistake there is no user without a credential.
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

impl Input for Option<CurrentUser> {}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// Who looks at a public route: a signed-in user, or nobody known.
#[derive(Clone, Debug)]
pub struct Viewer(pub Option<CurrentUser>);

impl Viewer {
    /// `user.id` of a signed-in viewer.
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
