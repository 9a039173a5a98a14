//! People as answers show them: in lists of their own, and beside what they made or did.

use chrono::NaiveDateTime;
use serde::Serialize;
use shared::{
    http::{Cursor, Page, PageQuery},
    time::Timestamp,
};
use utoipa::ToSchema;

/// A user in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
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
}

/// A user beside what they made or did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    pub id: String,
    pub name: String,
    pub image: Option<String>,
    pub avatar: Option<String>,
    pub github_username: Option<String>,
    pub is_pro: bool,
    pub is_following: bool,
}

/// A user at their place in a list, which is that of their like or follow.
pub struct Listed {
    pub at: NaiveDateTime,
    pub id: String,
    pub person: Person,
}

/// The only sort of lists of people.
pub const NEWEST: &str = "newest";

/// One page of people.
pub fn page(query: &PageQuery, people: Vec<Listed>) -> Page<Person> {
    query
        .page(people, |listed| {
            Cursor::new(NEWEST, (listed.at, &listed.id))
        })
        .map(|listed| listed.person)
}
