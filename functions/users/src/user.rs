//! The account for its owner.

use serde::{Deserialize, Deserializer, Serialize};
use shared::time::Timestamp;
use utoipa::ToSchema;

/// Your own account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Self)]
pub struct SelfUser {
    pub id: String,
    pub name: String,
    pub email: String,
    pub email_verified: bool,
    pub image: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub avatar: Option<String>,
    pub bio: Option<String>,
    pub website: Option<String>,
    pub location: Option<String>,
    pub company: Option<String>,
    // Null in rows of the Node application without skills.
    #[serde(deserialize_with = "or_default")]
    pub skills: Vec<String>,
    /// The provider of the first sign-in: `GITHUB` or `GOOGLE`.
    pub provider: String,
    pub provider_id: Option<String>,
    pub github_username: Option<String>,
    /// Public projects.
    pub projects_count: i32,
    pub followers_count: i32,
    pub following_count: i32,
    /// Always true: an account that is deactivated is rejected with 403.
    pub is_active: bool,
    pub is_pro: bool,
    /// `user`, `moderator` or `admin`, or several with commas between them.
    // Null in rows written by a program without the admin plugin.
    #[serde(deserialize_with = "or_user")]
    pub role: String,
    #[schema(value_type = i32)]
    pub private_projects_count: i64,
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn or_user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let role: Option<String> = Option::deserialize(deserializer)?;
    Ok(role.unwrap_or_else(|| "user".to_owned()))
}
