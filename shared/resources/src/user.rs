//! Users as other users see them.

use chrono::NaiveDateTime;
use platform::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

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
    /// People whom the caller follows and who follow this user. Only in suggestions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    pub mutual_count: Option<i64>,
    /// Skills that the caller and this user have in common. Only in suggestions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    pub shared_skills_count: Option<i64>,
    /// Time of the like or follow for which the user is listed. Not part of the response.
    #[serde(skip)]
    pub listed_at: Option<NaiveDateTime>,
    /// Id of that like or follow. Not part of the response.
    #[serde(skip)]
    pub listed_id: Option<String>,
}

/// Expands to the `query_as!` of a statement that returns [`PublicUser`]s.
///
/// The statement consists of `$with`, the columns below and `$rest`. It names the user `u` and binds the viewer's id as
/// `$1`. `$rest` starts with the columns that depend on the list: `mutual_count`, `shared_skills_count`, `listed_at` and
/// `listed_id`.
///
/// The limits make PostgreSQL look up each follow. Without them, it may read all follows of the viewer.
#[macro_export]
macro_rules! select_public_users {
    ($with:literal $(+ $more_with:literal)*, $rest:literal $(+ $more_rest:literal)*, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            $crate::PublicUser,
            $with
                $(+ $more_with)*
                + r#"
            select
                u.id,
                u.name,
                u.image,
                u.avatar,
                u.bio,
                u.website,
                u.location,
                u.company,
                -- The Node application stores null for no skills.
                coalesce(u.skills, '{}') as "skills!",
                u."githubUsername" as github_username,
                u."projectsCount" as projects_count,
                u."followersCount" as followers_count,
                u."followingCount" as following_count,
                u."isPro" as is_pro,
                u."createdAt" as "created_at: shared::time::Timestamp",
                (
                    select true from follows where "followerId" = $1 and "followingId" = u.id limit 1
                ) is not null as "is_following!",
                (
                    select true from follows where "followerId" = u.id and "followingId" = $1 limit 1
                ) is not null as "follows_me!",
            "#
                + $rest
                $(+ $more_rest)*,
            $($argument),+
        )
    };
}

/// The user who made something, as part of it.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    #[sqlx(rename = "author_id")]
    pub id: String,
    #[sqlx(rename = "author_name")]
    pub name: String,
    #[sqlx(rename = "author_image")]
    pub image: Option<String>,
    #[sqlx(rename = "author_avatar")]
    pub avatar: Option<String>,
    #[sqlx(rename = "author_github_username")]
    pub github_username: Option<String>,
    #[sqlx(rename = "author_is_pro")]
    pub is_pro: bool,
    pub is_following: bool,
}
