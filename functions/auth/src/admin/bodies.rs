//! Bodies are read field by field, so that problems are reported in the validator's words; these describe their shape.
#![expect(dead_code, reason = "only their schemas are used")]

use std::collections::BTreeMap;

use shared::time::Timestamp;
use utoipa::ToSchema;

/// A user by their id.
#[derive(ToSchema)]
#[schema(as = AuthAdminUserId, rename_all = "camelCase")]
pub struct UserId {
    pub user_id: String,
}

/// A user to be made.
#[derive(ToSchema)]
#[schema(as = AuthAdminCreateUser)]
pub struct CreateUser {
    pub email: String,
    pub name: String,
    #[schema(nullable = false, max_length = 128)]
    pub password: Option<String>,
    /// One or several.
    #[schema(nullable = false)]
    pub role: Option<Roles>,
    #[schema(nullable = false)]
    pub data: Option<Data>,
}

/// One role, or several.
#[derive(ToSchema)]
#[schema(as = AuthAdminRoles)]
#[serde(untagged)]
pub enum Roles {
    One(String),
    Several(Vec<String>),
}

/// What an admin sets of a user.
#[derive(ToSchema)]
#[schema(as = AuthAdminUserData, rename_all = "camelCase")]
pub struct Data {
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[schema(nullable = false)]
    pub email: Option<String>,
    #[schema(nullable = false)]
    pub email_verified: Option<bool>,
    pub image: Option<String>,
    #[schema(nullable = false)]
    pub role: Option<Roles>,
    pub banned: Option<bool>,
    pub ban_reason: Option<String>,
    pub ban_expires: Option<Timestamp>,
    /// Whether the user may use the application, and is seen in it.
    #[schema(nullable = false)]
    pub is_active: Option<bool>,
    #[schema(nullable = false)]
    pub is_pro: Option<bool>,
}

/// Changes of a user.
#[derive(ToSchema)]
#[schema(as = AuthAdminUpdateUser, rename_all = "camelCase")]
pub struct UpdateUser {
    pub user_id: String,
    pub data: Data,
}

/// A user's new role.
#[derive(ToSchema)]
#[schema(as = AuthAdminSetRole, rename_all = "camelCase")]
pub struct SetRole {
    pub user_id: String,
    pub role: Roles,
}

/// A ban.
#[derive(ToSchema)]
#[schema(as = AuthAdminBan, rename_all = "camelCase")]
pub struct NewBan {
    pub user_id: String,
    /// "No reason" by default.
    #[schema(nullable = false)]
    pub ban_reason: Option<String>,
    /// Seconds; for ever by default.
    #[schema(nullable = false)]
    pub ban_expires_in: Option<f64>,
}

/// A session of somebody's.
#[derive(ToSchema)]
#[schema(as = AuthAdminSessionToken, rename_all = "camelCase")]
pub struct SessionToken {
    pub session_token: String,
}

/// A user's new password.
#[derive(ToSchema)]
#[schema(as = AuthAdminPassword, rename_all = "camelCase")]
pub struct Password {
    pub user_id: String,
    #[schema(min_length = 8, max_length = 128)]
    pub new_password: String,
}

/// Actions by resource.
#[derive(ToSchema)]
#[schema(as = AuthPermissionQuestion)]
pub struct Question {
    pub permissions: BTreeMap<String, Vec<String>>,
}
