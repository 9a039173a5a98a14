//! The account for its owner.

use serde::{Deserialize, Deserializer, Serialize};
use shared::time::Timestamp;
use utoipa::ToSchema;

/// The caller's account, deserialized from the JSON object of its row.
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
    /// Null in rows of the Node application without skills.
    #[serde(deserialize_with = "or_default")]
    pub skills: Vec<String>,
    pub provider: String,
    pub provider_id: Option<String>,
    pub github_username: Option<String>,
    pub projects_count: i32,
    pub followers_count: i32,
    pub following_count: i32,
    pub is_active: bool,
    pub is_pro: bool,
    /// Null in rows written by a program without the admin plugin.
    #[serde(deserialize_with = "or_user")]
    pub role: String,
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
