//! The caller's own account: read, change, delete.

use std::collections::HashSet;

use anyhow::Context;
use axum::{
    extract::State,
    http::header::SET_COOKIE,
    response::{AppendHeaders, IntoResponse},
};
use serde::Serialize;
use shared::{
    AppState,
    config::Config,
    http::{CurrentUser, Error, Fields, FromFields, Json, NoContent, Result},
};
use utoipa::ToSchema;

use crate::{queries, user::SelfUser, website};

/// What the web app's session hook wraps its user in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Profile {
    user: SelfUser,
}

/// `GET /users/profile`
pub async fn show(user: CurrentUser) -> Result<Json<Profile>> {
    let row = user.account().context("the route loads the account")?;
    let user = serde_json::from_str(row.get()).context("a user's row has another shape")?;
    Ok(Json(Profile { user }))
}

/// The fields that may be changed. Absent keeps the value, null clears it.
#[derive(Debug, Default, Serialize, ToSchema)]
#[expect(clippy::option_option, reason = "absent and null differ")]
pub struct UpdateProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 255, nullable = false)]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub bio: Option<Option<String>>,
    /// An http or https address, or a host, which gets `https://` before it; empty clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub website: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub location: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub company: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 30, nullable = false)]
    pub skills: Option<Vec<String>>,
    /// `url` or `imageUrl` of an avatar that the caller uploaded, or the value it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<Option<String>>,
}

impl FromFields for UpdateProfile {
    fn from_fields(fields: &mut Fields) -> Self {
        let name = fields.text("name").trimmed().not_empty().max(255);
        let name = name.optional();
        let bio = fields.text("bio").max(500).nullable();
        let website = fields.text("website").trimmed().max(255).nullable();
        let location = fields.text("location").trimmed().max(255).nullable();
        let company = fields.text("company").trimmed().max(255).nullable();
        let skills = fields.list("skills").max_items(30);
        let skills = skills.trimmed().not_empty().max(50).optional();
        Self {
            name,
            bio,
            website: website.map(|website| check_website(fields, website)),
            location: location.map(empty_to_null),
            company: company.map(empty_to_null),
            skills: skills.map(distinct),
            avatar: fields.text("avatar").nullable(),
        }
    }
}

fn empty_to_null(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The first of skills that differ in case only is kept.
fn distinct(mut skills: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    skills.retain(|skill| seen.insert(skill.to_lowercase()));
    skills
}

fn check_website(fields: &mut Fields, website: Option<String>) -> Option<String> {
    let website = empty_to_null(website)?;
    let Some(address) = website::address(&website) else {
        fields.refuse("website must be a URL address");
        return None;
    };
    // With the scheme that was added it must still be a value that may be sent back.
    if address.chars().count() > 255 {
        fields.refuse("website must be shorter than or equal to 255 characters");
    }
    Some(address)
}

/// The upload behind one of our own addresses, as `url` or `imageUrl` of a file.
fn upload_id<'a>(config: &Config, address: &'a str) -> Option<&'a str> {
    let path = address.strip_prefix(config.public_url.as_str())?;
    path.strip_prefix("/images/").or_else(|| {
        path.strip_prefix("/uploads/")
            .and_then(|rest| rest.strip_suffix("/content"))
    })
}

/// `PUT /users/profile`
pub async fn update(
    user: CurrentUser,
    State(app): State<AppState>,
    Json(changes): Json<UpdateProfile>,
) -> Result<Json<SelfUser>> {
    let avatar = changes.avatar.as_ref().and_then(Option::as_deref);
    let upload = avatar.and_then(|avatar| upload_id(&app.config, avatar));
    let profile = app
        .db
        .retry(|| queries::update_profile(&app.db, user.id(), &changes, avatar, upload))
        .await?;
    match profile {
        Some(profile) => Ok(Json(profile)),
        None if avatar.is_some() => Err(Error::Validation(vec![
            "avatar must be one of your uploads".to_owned(),
        ])),
        // The account was deleted after the guard let this request in.
        None => Err(Error::Unauthorized),
    }
}

/// `DELETE /users/profile`
pub async fn delete(user: CurrentUser, State(app): State<AppState>) -> Result<impl IntoResponse> {
    if !user.is_fresh() {
        return Err(Error::Forbidden("Session is not fresh"));
    }
    let deleted = app
        .db
        .retry(|| queries::delete_account(&app.db, user.id()))
        .await?;
    if !deleted {
        // Another request deleted it after the guard let this one in.
        return Err(Error::Unauthorized);
    }
    let cookies = &app.config.cookies;
    let cleared = ["session_token", "session_data", "dont_remember"]
        .map(|name| (SET_COOKIE, cookies.clear(name)));
    Ok((AppendHeaders(cleared), NoContent))
}
