//! Making a key.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    api_key::hash,
    http::{RateClass, spend},
    random,
};
use utoipa::ToSchema;

use super::{MAX_NAME, invalid_metadata, invalid_name, length, lifetime, no_session, server_only};
use crate::{
    answer::Json,
    error::{Error, Result},
    fields::Fields,
    queries::{
        self,
        api_key::{ApiKey, MAX_KEYS, NewKey},
    },
    request::Call,
};

const DEFAULT_PREFIX: &str = "cc_";
const MAX_PREFIX: usize = 32;
/// Letters after the prefix.
const KEY_LENGTH: usize = 64;
/// How many characters of the key are kept so that its owner knows it again.
const START_LENGTH: usize = 6;

/// What a client may ask for, and what it must not.
struct Wish {
    name: Option<String>,
    expires_in: Option<f64>,
    prefix: Option<String>,
    metadata: Option<Value>,
    sets_server_only: bool,
    names_user: bool,
}

impl Wish {
    fn read(fields: &mut Fields<'_>) -> Self {
        fields.text("configId");
        let name = fields.text("name");
        let expires_in = lifetime::read(fields, "expiresIn").flatten();
        let prefix = fields.text("prefix");
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if prefix
            .as_ref()
            .is_some_and(|prefix| prefix.is_empty() || !prefix.chars().all(is_word))
        {
            fields.refuse(
                "prefix",
                "Invalid prefix format, must be alphanumeric and contain only underscores and hyphens.",
            );
        }
        let remaining = fields.raw("remaining").filter(|value| !value.is_null());
        if remaining.is_some() {
            fields.number("remaining");
        }
        let sets_server_only = remaining.is_some() | read_server_only(fields);
        Self {
            name,
            expires_in,
            prefix,
            metadata: fields
                .raw("metadata")
                .filter(|value| !value.is_null())
                .cloned(),
            sets_server_only,
            names_user: fields.raw("userId").is_some(),
        }
    }
}

/// Whether one of the properties is there that only a server may set.
pub fn read_server_only(fields: &mut Fields<'_>) -> bool {
    const NUMBERS: [&str; 4] = [
        "refillAmount",
        "refillInterval",
        "rateLimitTimeWindow",
        "rateLimitMax",
    ];
    for name in NUMBERS {
        fields.number(name);
    }
    fields.flag("rateLimitEnabled");
    let mut names = NUMBERS.iter().chain(&["rateLimitEnabled", "permissions"]);
    names.any(|name| fields.raw(name).is_some())
}

/// The permissions that follow from `metadata.scopes`; `None` where it does not narrow the key.
fn permissions(metadata: &Value) -> Result<Option<Value>> {
    let Some(scopes) = metadata.get("scopes") else {
        return Ok(None);
    };
    let refused = || {
        Error::validation(&[
            "[body.metadata.scopes] Invalid input: expected some of \"read\"|\"write\"|\"metrics\""
                .to_owned(),
        ])
    };
    let scopes = scopes
        .as_array()
        .filter(|scopes| !scopes.is_empty())
        .ok_or_else(refused)?;
    if !scopes
        .iter()
        .all(|scope| scope == "read" || scope == "write" || scope == "metrics")
    {
        return Err(refused());
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

/// A new key; only this answer holds the key itself.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthCreatedApiKey)]
pub struct CreatedKey {
    key: String,
    #[serde(flatten)]
    row: ApiKey,
}

/// `POST /api/auth/api-key/create`
pub async fn create(call: Call) -> Result {
    let wish = call.body(Wish::read)?;
    let current = call.session().await?;
    if wish.sets_server_only {
        return Err(server_only());
    }
    let Some(current) = current.filter(|_| !wish.names_user) else {
        return Err(no_session());
    };
    let metadata = wish.metadata;
    if metadata
        .as_ref()
        .is_some_and(|metadata| !(metadata.is_object() || metadata.is_array()))
    {
        return Err(invalid_metadata());
    }
    let permissions = metadata.as_ref().map_or(Ok(None), permissions)?;
    let expires_at = wish.expires_in.map(lifetime::end).transpose()?;
    let prefix = wish.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    if length(prefix) > MAX_PREFIX {
        return Err(Error::bad_request(
            "INVALID_PREFIX_LENGTH",
            "The prefix length is either too large or too small.",
        ));
    }
    if wish
        .name
        .as_deref()
        .is_some_and(|name| length(name) > MAX_NAME)
    {
        return Err(invalid_name());
    }
    let auth = &call.auth;
    let user_id = &current.user.id;
    if let Some(seconds) = spend(&auth.app, user_id, RateClass::Create).await {
        return Err(Error::TooManyRequests(seconds));
    }
    auth.sweep.run_api_keys(&auth.app.db).await;

    let key = format!("{prefix}{}", random::text(KEY_LENGTH, random::LETTERS));
    // Of several requests at once, each must see the keys of those before.
    let mut tx = auth.app.db.begin().await?;
    queries::user::lock(&mut tx, user_id).await?;
    let row = queries::api_key::insert(
        &mut tx,
        &NewKey {
            user_id,
            name: wish.name.as_deref(),
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
