//! The account, as its owner reads and changes it.

use anyhow::Context as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use shared::{
    fields,
    http::{Check as _, Text, text, texts},
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::website;

fields! {
    /// Changes of your own profile. Absent keeps the value, null clears it.
    pub struct UpdateProfile: Stored {
        name: Option<String> = "name", text().trimmed().composed().not_empty().max(255).rule(is_printable, "must not contain control characters").optional();
        bio: Option<Option<String>> = "bio", text().max(500).nullable();
        /// An http or https address, or a host, which is stored with `https://`. An empty text clears it.
        website: Option<Option<String>> = "website", clearable().converted(website::stored).nullable().map(empty_to_null);
        location: Option<Option<String>> = "location", clearable().nullable().map(empty_to_null);
        company: Option<Option<String>> = "company", clearable().nullable().map(empty_to_null);
        /// Of skills that differ only in case, the first is stored.
        skills: Option<Vec<String>> = "skills", texts().max_items(30).trimmed().composed().not_empty().max(50).optional();
        /// `url` or `imageUrl` of an avatar that the caller uploaded, or the stored value.
        avatar: Option<Option<String>> = "avatar", text().nullable();
    }
}

/// Returns whether a name has neither control characters nor characters that change the direction of the text around
/// it. A check of the table `user` enforces the same. U+0000 has a message of its own.
fn is_printable(name: &str) -> bool {
    !name.chars().any(|c| {
        (c.is_control() && c != '\0')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// A short text. An empty text clears the field.
fn clearable() -> Text {
    text().trimmed().composed().max(255)
}

#[expect(clippy::option_option, reason = "absent and null differ")]
fn empty_to_null(text: Option<Option<String>>) -> Option<Option<String>> {
    text.map(|text| text.filter(|text| !text.is_empty()))
}

/// Your own account.
#[derive(Serialize, ToSchema)]
#[schema(as = Self)]
pub struct SelfUser {
    #[serde(flatten)]
    #[schema(inline)]
    account: Account,
    // All fields that the owner can change. A row has all of them.
    #[serde(flatten)]
    #[schema(inline)]
    profile: UpdateProfile,
}

/// The fields of an account that its owner cannot change here.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: String,
    email: String,
    email_verified: bool,
    image: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The provider of the first sign-in: `GITHUB` or `GOOGLE`.
    provider: String,
    provider_id: Option<String>,
    github_username: Option<String>,
    /// Public projects.
    projects_count: i32,
    followers_count: i32,
    following_count: i32,
    /// Always true: an account that is deactivated is rejected with 403.
    is_active: bool,
    is_pro: bool,
    /// `user`, `moderator` or `admin`, or several with commas between them.
    // Null in rows written by a program without the admin plugin.
    #[serde(deserialize_with = "or_user")]
    role: String,
    #[schema(value_type = i32)]
    private_projects_count: i64,
}

impl SelfUser {
    /// Reads a row of the table `user` with the count of private projects, as the guard and the update select it.
    pub fn from_row(row: &RawValue) -> anyhow::Result<Self> {
        // Reading the row twice costs less than reading flattened fields, which serde collects in a list first.
        let account = serde_json::from_str(row.get()).context("a user's row has another shape")?;
        let profile = serde_json::from_str(row.get()).context("a profile has another shape")?;
        Ok(Self { account, profile })
    }
}

fn or_user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let role: Option<String> = Option::deserialize(deserializer)?;
    Ok(role.unwrap_or_else(|| "user".to_owned()))
}
