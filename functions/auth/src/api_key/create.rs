//! Creating a key.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    api_key::hash,
    http::{RateClass, spend},
    random,
};
use utoipa::ToSchema;

use super::{
    errors::{
        MAX_METADATA_BYTES, MAX_NAME, invalid_metadata, invalid_name, no_session, server_only,
        utf16_length,
    },
    lifetime::{expires_at, lifetime},
    server_fields::has_server_fields,
};
use crate::{
    answer::Json,
    error::{Error, Result},
    fields::{AuthBody, Fields, ValueRule, json, number, text},
    queries::{
        self,
        api_key::{ApiKey, MAX_KEYS, NewApiKey},
    },
    request::CallWith,
};

const DEFAULT_PREFIX: &str = "cc_";
/// In UTF-16 units.
const MAX_PREFIX: usize = 32;
/// Number of letters after the prefix.
const KEY_LENGTH: usize = 64;
/// Number of characters of the key that are stored, so that its owner recognises it.
const START_LENGTH: usize = 6;

/// A new API key.
pub struct CreateApiKey {
    name: Option<String>,
    expires_in: Option<f64>,
    prefix: Option<String>,
    metadata: Option<Value>,
    sets_server_only: bool,
    names_user: bool,
}

impl AuthBody for CreateApiKey {
    const NAME: &'static str = "AuthCreateApiKey";
    const ABOUT: &'static str = "A new API key.";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.undocumented("configId", text());
        let name = fields.optional("name", text().documented_length(None, MAX_NAME));
        let expires_in = fields.optional(
            "expiresIn",
            lifetime().about("Seconds, from one day to 365 days; without a limit by default."),
        );
        let prefix = fields.optional(
            "prefix",
            text()
                .form(
                    is_prefix,
                    "Invalid prefix format, must be alphanumeric and contain only underscores and hyphens.",
                )
                .documented_length(None, MAX_PREFIX)
                .documented_pattern("^[a-zA-Z0-9_-]+$")
                .about("`cc_` by default."),
        );
        let has_remaining = fields.undocumented("remaining", number().or_null());
        let sets_server_only = has_remaining.flatten().is_some() | has_server_fields(fields);
        let metadata = fields.optional(
            "metadata",
            json(MAX_METADATA_BYTES).about(
                "Any data. `scopes`, a list of `read`, `write` and `metrics`, limits what the key may do.",
            ),
        );
        Self {
            name,
            expires_in: expires_in.flatten(),
            prefix,
            metadata: metadata.filter(|value| !value.is_null()),
            sets_server_only,
            names_user: fields.raw("userId").is_some(),
        }
    }
}

fn is_prefix(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !text.is_empty() && text.chars().all(is_word)
}

/// Returns the permissions that `metadata.scopes` allows; `None` if it does not limit the key.
fn permissions(metadata: &Value) -> Result<Option<Value>> {
    let Some(scopes) = metadata.get("scopes") else {
        return Ok(None);
    };
    let rejected = || {
        Error::validation(&[
            "[body.metadata.scopes] Invalid input: expected some of \"read\"|\"write\"|\"metrics\""
                .to_owned(),
        ])
    };
    let scopes = scopes
        .as_array()
        .filter(|scopes| !scopes.is_empty())
        .ok_or_else(rejected)?;
    if !scopes
        .iter()
        .all(|scope| scope == "read" || scope == "write" || scope == "metrics")
    {
        return Err(rejected());
    }
    let has = |scope: &str| scopes.iter().any(|found| found == scope);
    let mut permissions = json!({});
    let api: Vec<&str> = ["read", "write"].into_iter().filter(|s| has(s)).collect();
    if !api.is_empty() {
        permissions["api"] = json!(api);
    }
    if has("metrics") {
        permissions["metrics"] = json!(["read"]);
    }
    Ok(Some(permissions))
}

/// A new key. Only this response contains the key itself.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthCreatedApiKey)]
pub struct CreatedKey {
    key: String,
    #[serde(flatten)]
    row: ApiKey,
}

/// `POST /api/auth/api-key/create`
pub async fn create(CallWith(call, body): CallWith<CreateApiKey>) -> Result {
    let current = call.session().await?;
    if body.sets_server_only {
        return Err(server_only());
    }
    let Some(current) = current.filter(|_| !body.names_user) else {
        return Err(no_session());
    };
    current.require_own()?;
    let metadata = body.metadata;
    if metadata
        .as_ref()
        .is_some_and(|metadata| !(metadata.is_object() || metadata.is_array()))
    {
        return Err(invalid_metadata());
    }
    let permissions = metadata.as_ref().map_or(Ok(None), permissions)?;
    let expires_at = body.expires_in.map(expires_at).transpose()?;
    let prefix = body.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    if utf16_length(prefix) > MAX_PREFIX {
        return Err(Error::bad_request(
            "INVALID_PREFIX_LENGTH",
            "The prefix length is either too large or too small.",
        ));
    }
    if body
        .name
        .as_deref()
        .is_some_and(|name| utf16_length(name) > MAX_NAME)
    {
        return Err(invalid_name());
    }
    let auth = &call.auth;
    let user_id = &current.user.id;
    if let Some(seconds) = spend(&auth.app, user_id, RateClass::Create).await {
        return Err(Error::TooManyRequests(seconds));
    }

    let key = format!("{prefix}{}", random::text(KEY_LENGTH, random::LETTERS));
    // The lock serialises concurrent requests of the user, so that each counts the keys of the earlier ones.
    let mut tx = auth.app.db.begin().await?;
    queries::user::lock(&mut tx, user_id).await?;
    let row = queries::api_key::insert(
        &mut tx,
        &NewApiKey {
            user_id,
            name: body.name.as_deref(),
            start: key.get(..START_LENGTH).unwrap_or_default(),
            prefix,
            hash: &hash(&key),
            rate_limit_max: auth.api_key_limit.max,
            rate_limit_time_window: auth.api_key_limit.window,
            expires_at,
            permissions: permissions.map(|permissions| permissions.to_string()),
            metadata: metadata.map(|metadata| metadata.to_string()),
        },
    )
    .await?;
    tx.commit().await?;
    let row = row.ok_or_else(|| {
        let message = format!("You can have at most {MAX_KEYS} API keys");
        Error::bad_request("TOO_MANY_API_KEYS", &message)
    })?;
    Ok(Json(CreatedKey { key, row }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_narrow_permissions() {
        for (metadata, expected) in [
            (json!({}), None),
            (json!([]), None),
            (json!({"scopes": ["read"]}), Some(json!({"api": ["read"]}))),
            (
                json!({"scopes": ["write", "read", "read"]}),
                Some(json!({"api": ["read", "write"]})),
            ),
            (
                json!({"scopes": ["metrics"]}),
                Some(json!({"metrics": ["read"]})),
            ),
        ] {
            assert_eq!(permissions(&metadata).unwrap(), expected, "{metadata}");
        }
        for scopes in [
            json!([]),
            json!(null),
            json!("read"),
            json!(["read", "admin"]),
            json!([1]),
        ] {
            assert!(permissions(&json!({ "scopes": scopes })).is_err());
        }
    }
}
