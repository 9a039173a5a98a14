//! Deleting a key.

use super::errors::key_not_found;
use crate::{
    answer,
    error::{Error, Result},
    fields::{AuthBody, Fields, text},
    queries,
    request::CallWith,
};

/// The id of a key.
pub struct KeyIdBody {
    key_id: String,
}

impl AuthBody for KeyIdBody {
    const NAME: &'static str = "AuthApiKeyId";
    const ABOUT: &'static str = "The id of an API key.";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.undocumented("configId", text());
        Self {
            key_id: fields.required("keyId", text()),
        }
    }
}

/// `POST /api/auth/api-key/delete`
pub async fn delete(CallWith(call, body): CallWith<KeyIdBody>) -> Result {
    let user = call.signed_in().await?.user;
    if user.banned == Some(true) {
        return Err(Error::unauthorized("USER_BANNED", "User is banned"));
    }
    let db = &call.auth.app.db;
    if !queries::api_key::delete(db, &user.id, &body.key_id).await? {
        return Err(key_not_found());
    }
    Ok(answer::succeeded())
}
