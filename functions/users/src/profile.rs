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
    http::{CurrentUser, Error, Json, NoContent, Result},
};
use utoipa::ToSchema;

use crate::{
    queries,
    user::{SelfUser, UpdateProfile},
};

/// The caller's account, in the format of the web app's session.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    user: SelfUser,
}

/// `GET /users/profile`
pub async fn show(user: CurrentUser) -> Result<Json<Profile>> {
    let row = user.account().context("the route loads the account")?;
    let user = SelfUser::from_row(row)?;
    Ok(Json(Profile { user }))
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
    let row = app
        .db
        .retry(|| queries::update_profile(&app.db, user.id(), &changes, avatar, upload))
        .await?;
    match row {
        Some(row) => Ok(Json(SelfUser::from_row(&row)?)),
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
