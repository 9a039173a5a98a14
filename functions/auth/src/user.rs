//! The signed-in user's own row and session.

use axum::http::StatusCode;
use serde_json::Value;

use crate::{
    answer,
    error::{Error, Result},
    fields::{AuthBody, BodyForm, Fields, ValueRule, text},
    names::{display_name, image_address},
    queries,
    request::CallWith,
};

/// Columns that only an admin sets.
const PROTECTED: [&str; 4] = ["role", "banned", "banReason", "banExpires"];

/// Changes of the user's own row.
#[expect(
    clippy::option_option,
    reason = "a missing field, null and a text are three things"
)]
pub struct OwnChanges {
    name: Option<String>,
    image: Option<Option<String>>,
    has_email: bool,
    protected: Option<&'static str>,
}

impl AuthBody for OwnChanges {
    const NAME: &'static str = "AuthUpdateUser";
    const ABOUT: &'static str = "Changes of your own name and image.";
    const FORM: BodyForm = BodyForm::Record;

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            name: fields.optional("name", display_name()),
            image: fields.optional("image", image_address().or_null()),
            has_email: fields.raw("email").is_some_and(is_set),
            protected: PROTECTED
                .into_iter()
                .find(|name| fields.raw(name).is_some_and(is_set)),
        }
    }
}

/// `POST /api/auth/update-user`
pub async fn update(CallWith(call, changes): CallWith<OwnChanges>) -> Result {
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

/// Returns whether the value is true in JavaScript.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0
}

/// Changes of a session.
pub struct SessionChanges {
    sets_protected: bool,
}

impl AuthBody for SessionChanges {
    const FORM: BodyForm = BodyForm::Record;

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            sets_protected: fields.raw("impersonatedBy").is_some_and(is_set),
        }
    }
}

/// `POST /api/auth/update-session`: a session has no field that its owner may set.
pub async fn update_session(CallWith(call, body): CallWith<SessionChanges>) -> Result {
    call.signed_in().await?;
    if body.sets_protected {
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

/// Fields of a deletion, without effect.
pub struct DeleteUserBody;

impl AuthBody for DeleteUserBody {
    const FORM: BodyForm = BodyForm::Optional;

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.undocumented("callbackURL", text());
        fields.undocumented("password", text());
        fields.undocumented("token", text());
        Self
    }
}

/// `POST /api/auth/delete-user`: switched off, as in the Node deployment.
pub async fn delete(CallWith(call, _): CallWith<DeleteUserBody>) -> Result {
    call.signed_in().await?;
    Err(Error::Bare(StatusCode::NOT_FOUND))
}
