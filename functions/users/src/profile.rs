//! The caller's own account: read, update, delete.

use anyhow::Context;
use axum::{
    extract::State,
    http::{HeaderName, header::SET_COOKIE},
    response::AppendHeaders,
};
use serde::Serialize;
use shared::{
    AppState,
    config::Config,
    fields,
    http::{Check as _, CurrentUser, Error, Json, NoContent, Result, Text, text, texts},
};
use utoipa::ToSchema;

use crate::{queries, user::SelfUser, website};

/// The caller's account, in the format of the web app's session.
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

fields! {
    /// Changes of your own profile. Absent keeps the value, null clears it.
    pub struct UpdateProfile: Serialize {
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

/// Returns the id of the upload whose `url` or `imageUrl` the address is.
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
        // The account was deleted after the guard had accepted the request.
        None => Err(Error::Unauthorized),
    }
}

type ClearedCookies = AppendHeaders<[(HeaderName, String); 3]>;

/// `DELETE /users/profile`
pub async fn delete(
    user: CurrentUser,
    State(app): State<AppState>,
) -> Result<(ClearedCookies, NoContent)> {
    if user.is_impersonated() {
        return Err(Error::Forbidden(
            "Impersonated sessions cannot be used here",
        ));
    }
    if !user.is_fresh() {
        return Err(Error::Forbidden("Session is not fresh"));
    }
    let deleted = app
        .db
        .retry(|| queries::delete_account(&app.db, user.id()))
        .await?;
    if !deleted {
        // Another request has deleted the account after the guard had accepted this one.
        return Err(Error::Unauthorized);
    }
    let cookies = &app.config.cookies;
    let cleared = ["session_token", "session_data", "dont_remember"]
        .map(|name| (SET_COOKIE, cookies.clear(name)));
    Ok((AppendHeaders(cleared), NoContent))
}
