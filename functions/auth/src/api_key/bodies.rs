//! Bodies are read field by field, so that problems are reported in the validator's words; these describe their shape.
#![expect(dead_code, reason = "only their schemas are used")]

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A key to be made.
#[derive(ToSchema)]
#[schema(as = AuthCreateApiKey, rename_all = "camelCase")]
pub struct Create {
    #[schema(nullable = false, max_length = 32)]
    pub name: Option<String>,
    /// Seconds, from a day to 365; for ever by default.
    #[schema(minimum = 86400, maximum = 31_536_000)]
    pub expires_in: Option<f64>,
    /// `cc_` by default.
    #[schema(nullable = false, max_length = 32, pattern = "^[a-zA-Z0-9_-]+$")]
    pub prefix: Option<String>,
    /// Anything; `scopes`, a list of `read`, `write` and `metrics`, narrows what the key may do.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// Changes of a key.
#[derive(ToSchema)]
#[schema(as = AuthUpdateApiKey, rename_all = "camelCase")]
pub struct Update {
    pub key_id: String,
    #[schema(nullable = false, min_length = 1, max_length = 32)]
    pub name: Option<String>,
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Seconds from now, from a day to 365; null lets it live for ever.
    #[schema(minimum = 86400, maximum = 31_536_000)]
    pub expires_in: Option<f64>,
    /// What the key may do does not follow it.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// A key by its id.
#[derive(ToSchema)]
#[schema(as = AuthApiKeyId, rename_all = "camelCase")]
pub struct KeyId {
    pub key_id: String,
}
