//! Changing a key.

use axum::response::IntoResponse;
use serde_json::Value;

use super::{
    errors::{
        MAX_METADATA_BYTES, MAX_NAME, invalid_metadata, invalid_name, key_not_found, no_session,
        server_only, utf16_length,
    },
    lifetime::{expires_at, lifetime},
    server_fields::has_server_fields,
};
use crate::{
    answer::Json,
    error::{Error, Result},
    fields::{AuthBody, Fields, ValueRule, any_id, boolean, json, number, text},
    queries::{self, api_key::ApiKeyChanges},
    request::CallWith,
};

/// Changes of an API key.
pub struct UpdateApiKey {
    key_id: String,
    user_id: Option<String>,
    name: Option<String>,
    enabled: Option<bool>,
    metadata: Option<Value>,
    #[expect(
        clippy::option_option,
        reason = "a missing field, null and a number are three things"
    )]
    expires_in: Option<Option<f64>>,
    sets_server_only: bool,
}

impl AuthBody for UpdateApiKey {
    const NAME: &'static str = "AuthUpdateApiKey";
    const ABOUT: &'static str = "Changes of an API key.";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.undocumented("configId", text());
        let key_id = fields.required("keyId", text());
        let user_id = fields
            .undocumented("userId", any_id())
            .filter(|id| !id.is_empty());
        let name = fields.optional("name", text().documented_length(Some(1), MAX_NAME));
        let enabled = fields.optional("enabled", boolean());
        fields.undocumented("remaining", number());
        let metadata = fields.optional(
            "metadata",
            json(MAX_METADATA_BYTES)
                .about("Any data. The permissions of the key do not change with it."),
        );
        let expires_in = fields.optional(
            "expiresIn",
            lifetime().about("Seconds from now, from one day to 365 days; null removes the limit."),
        );
        let sets_server_only = fields.raw("remaining").is_some() | has_server_fields(fields);
        Self {
            key_id,
            user_id,
            name,
            enabled,
            metadata,
            expires_in,
            sets_server_only,
        }
    }
}

impl UpdateApiKey {
    fn changes(self) -> Result<ApiKeyChanges> {
        if self
            .name
            .as_deref()
            .is_some_and(|name| !(1..=MAX_NAME).contains(&utf16_length(name)))
        {
            return Err(invalid_name());
        }
        let expires_at = match self.expires_in {
            None => None,
            Some(None) => Some(None),
            Some(Some(seconds)) => Some(Some(expires_at(seconds)?)),
        };
        let metadata = match self.metadata {
            None => None,
            Some(value) if value.is_null() => Some(None),
            Some(value) if value.is_object() || value.is_array() => Some(Some(value.to_string())),
            Some(_) => return Err(invalid_metadata()),
        };
        let changes = ApiKeyChanges {
            name: self.name,
            enabled: self.enabled,
            expires_at,
            metadata,
        };
        if changes.is_empty() {
            return Err(Error::bad_request(
                "NO_VALUES_TO_UPDATE",
                "No values to update.",
            ));
        }
        Ok(changes)
    }
}

/// `POST /api/auth/api-key/update`
pub async fn update(CallWith(call, body): CallWith<UpdateApiKey>) -> Result {
    let user_id = call.session().await?.ok_or_else(no_session)?.user.id;
    if body.user_id.as_ref().is_some_and(|id| *id != user_id) {
        return Err(no_session());
    }
    if body.sets_server_only {
        return Err(server_only());
    }
    let db = &call.auth.app.db;
    let key_id = body.key_id.clone();
    // A missing key is reported before invalid values.
    let key = match body.changes() {
        Ok(changes) => queries::api_key::update(db, &user_id, &key_id, &changes).await?,
        Err(error) => {
            let key = queries::api_key::find(db, &user_id, &key_id).await?;
            return Err(key.map_or_else(key_not_found, |_| error));
        }
    }
    .ok_or_else(key_not_found)?;
    Ok(Json(key).into_response())
}
