//! Users as answers show them: to themselves, and to everybody else.

use serde::{Deserialize, Deserializer, Serialize};
use shared::time::Timestamp;
use utoipa::ToSchema;

/// The caller's own account, read from the row as PostgreSQL writes it in JSON.
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
    /// Null in rows of the Node application that never had any.
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
    /// Null in rows that another program wrote without the admin plugin.
    #[serde(deserialize_with = "or_user")]
    pub role: String,
    pub private_projects_count: i64,
}

/// A user as everybody else sees them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicUser {
    pub id: String,
    pub name: String,
    pub image: Option<String>,
    pub avatar: Option<String>,
    pub bio: Option<String>,
    pub website: Option<String>,
    pub location: Option<String>,
    pub company: Option<String>,
    pub skills: Vec<String>,
    pub github_username: Option<String>,
    pub projects_count: i32,
    pub followers_count: i32,
    pub following_count: i32,
    pub is_pro: bool,
    pub created_at: Timestamp,
    pub is_following: bool,
    pub follows_me: bool,
    /// People whom the caller follows and who follow this user; of suggestions only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutual_count: Option<i64>,
    /// Skills that the caller and this user have both; of suggestions only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_skills_count: Option<i64>,
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
