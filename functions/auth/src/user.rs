//! The signed-in user's own row and session.

use axum::http::StatusCode;
use serde_json::Value;

use crate::{
    answer,
    error::{Error, Result},
    queries,
    request::Call,
};

/// Columns that only an admin sets.
const PROTECTED: [&str; 4] = ["role", "banned", "banReason", "banExpires"];

#[expect(
    clippy::option_option,
    reason = "missing, null and a text are three things"
)]
struct Changes {
    name: Option<String>,
    image: Option<Option<String>>,
    has_email: bool,
    protected: Option<&'static str>,
}

/// `POST /api/auth/update-user`
pub async fn update(call: Call) -> Result {
    let changes = call.record(|fields| Changes {
        name: fields.text("name"),
        image: fields.nullable_text("image"),
        has_email: fields.raw("email").is_some_and(is_set),
        protected: PROTECTED
            .into_iter()
            .find(|name| fields.raw(name).is_some_and(is_set)),
    })?;
    let current = call.signed_in().await?;
    if changes.has_email {
        return Err(Error::bad_request(
            "EMAIL_CAN_NOT_BE_UPDATED",
            "Email can not be updated",
        ));
    }
    if let Some(name) = changes.protected {
        return Err(Error::bad_request(
            "FIELD_NOT_ALLOWED",
            &format!("{name} is not allowed to be set"),
        ));
    }
    if changes.name.is_none() && changes.image.is_none() {
        return Err(no_fields());
    }
    let db = &call.auth.app.db;
    let update = || {
        queries::user::update(
            db,
            &current.user.id,
            changes.name.as_deref(),
            changes.image.as_ref().map(Option::as_deref),
        )
    };
    db.retry(update).await?;
    call.cookies().set_session(&current.session.token);
    Ok(answer::done())
}

/// Whether JavaScript would take the value for one.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0
}

/// `POST /api/auth/update-session`: a session has no field that its owner may set.
pub async fn update_session(call: Call) -> Result {
    let protected = call.record(|fields| fields.raw("impersonatedBy").is_some_and(is_set))?;
    call.signed_in().await?;
    if protected {
        return Err(Error::bad_request(
            "FIELD_NOT_ALLOWED",
            "impersonatedBy is not allowed to be set",
        ));
    }
    Err(no_fields())
}

fn no_fields() -> Error {
    Error::Message(StatusCode::BAD_REQUEST, "No fields to update".to_owned())
}

/// `POST /api/auth/delete-user`: off, as the Node deployment has it.
pub async fn delete(call: Call) -> Result {
    call.optional_body(|fields| {
        fields.text("callbackURL");
        fields.text("password");
        fields.text("token");
    })?;
    call.signed_in().await?;
    Err(Error::Bare(StatusCode::NOT_FOUND))
}
