//! The body of endpoints that need only a user.

use crate::fields::{AuthBody, Fields, any_id};

/// The id of a user.
pub struct UserIdBody {
    pub user_id: String,
}

impl AuthBody for UserIdBody {
    const NAME: &'static str = "AuthAdminUserId";
    const ABOUT: &'static str = "The id of a user.";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            user_id: fields.required("userId", any_id()),
        }
    }
}
