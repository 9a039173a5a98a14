//! Rows of `apikey`, for their owners. Uses are counted in `shared`.

use serde::Serialize;
use serde_json::Value;
use shared::{random, time::Timestamp};
use sqlx::PgExecutor;
use utoipa::ToSchema;

/// Maximum number of a user's keys that have not expired.
pub const MAX_KEYS: i64 = 20;

/// A key as its owner sees it, without the hash of the key.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthApiKey)]
pub struct ApiKey {
    pub config_id: String,
    pub name: Option<String>,
    /// The first characters of the key.
    pub start: Option<String>,
    /// The owner's id.
    pub reference_id: String,
    pub prefix: Option<String>,
    pub refill_interval: Option<i32>,
    pub refill_amount: Option<i32>,
    pub last_refill_at: Option<Timestamp>,
    pub enabled: bool,
    pub rate_limit_enabled: bool,
    /// In milliseconds.
    pub rate_limit_time_window: Option<i32>,
    pub rate_limit_max: Option<i32>,
    pub request_count: i32,
    pub remaining: Option<i32>,
    pub last_request: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Null allows reading and writing.
    #[schema(value_type = Option<Object>)]
    pub permissions: JsonText,
    /// The owner's data: an object, an array or null.
    #[schema(value_type = serde_json::Value)]
    pub metadata: JsonText,
    pub id: String,
}

/// JSON in a text column. Invalid JSON counts as null.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct JsonText(Value);

impl From<Option<String>> for JsonText {
    fn from(text: Option<String>) -> Self {
        Self(
            text.and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
        )
    }
}

/// A key to insert.
pub struct NewApiKey<'a> {
    pub user_id: &'a str,
    pub name: Option<&'a str>,
    pub start: &'a str,
    pub prefix: &'a str,
    pub hash: &'a str,
    pub rate_limit_max: i32,
    /// In milliseconds.
    pub rate_limit_time_window: i32,
    pub expires_at: Option<Timestamp>,
    /// JSON.
    pub permissions: Option<String>,
    /// JSON.
    pub metadata: Option<String>,
}

/// Inserts a key. Returns `None` if the owner has the maximum number of keys. The caller has locked the owner.
pub async fn insert(db: impl PgExecutor<'_>, key: &NewApiKey<'_>) -> sqlx::Result<Option<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"
        insert into apikey (
            id, "configId", name, start, "referenceId", prefix, key, enabled,
            "rateLimitEnabled", "rateLimitTimeWindow", "rateLimitMax", "requestCount",
            "expiresAt", permissions, metadata, "createdAt", "updatedAt"
        )
        select
            $1, 'default', $2, $3, $4, $5, $6, true,
            true, $7, $8, 0,
            $9, $10, $11, now() at time zone 'utc', now() at time zone 'utc'
        where $12 > (
            select count(*)
            from apikey
            where "referenceId" = $4 and ("expiresAt" is null or "expiresAt" >= now() at time zone 'utc')
        )
        returning
            "configId" as config_id, name, start, "referenceId" as reference_id, prefix,
            "refillInterval" as refill_interval, "refillAmount" as refill_amount,
            "lastRefillAt" as "last_refill_at: Timestamp", enabled,
            "rateLimitEnabled" as rate_limit_enabled, "rateLimitTimeWindow" as rate_limit_time_window,
            "rateLimitMax" as rate_limit_max, "requestCount" as request_count, remaining,
            "lastRequest" as "last_request: Timestamp", "expiresAt" as "expires_at: Timestamp",
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            permissions, metadata, id
        "#,
        random::id(),
        key.name,
        key.start,
        key.user_id,
        key.prefix,
        key.hash,
        key.rate_limit_time_window,
        key.rate_limit_max,
        key.expires_at.map(|time| time.0),
        key.permissions,
        key.metadata,
        MAX_KEYS,
    )
    .fetch_optional(db)
    .await
}

/// Returns a user's key.
pub async fn find(
    db: impl PgExecutor<'_>,
    user_id: &str,
    id: &str,
) -> sqlx::Result<Option<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"
        select
            "configId" as config_id, name, start, "referenceId" as reference_id, prefix,
            "refillInterval" as refill_interval, "refillAmount" as refill_amount,
            "lastRefillAt" as "last_refill_at: Timestamp", enabled,
            "rateLimitEnabled" as rate_limit_enabled, "rateLimitTimeWindow" as rate_limit_time_window,
            "rateLimitMax" as rate_limit_max, "requestCount" as request_count, remaining,
            "lastRequest" as "last_request: Timestamp", "expiresAt" as "expires_at: Timestamp",
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            permissions, metadata, id
        from apikey
        where "referenceId" = $1 and id = $2
        "#,
        user_id,
        id,
    )
    .fetch_optional(db)
    .await
}

/// Returns a user's keys, oldest first, including expired keys that were not deleted yet. There are few.
pub async fn list(db: impl PgExecutor<'_>, user_id: &str) -> sqlx::Result<Vec<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"
        select
            "configId" as config_id, name, start, "referenceId" as reference_id, prefix,
            "refillInterval" as refill_interval, "refillAmount" as refill_amount,
            "lastRefillAt" as "last_refill_at: Timestamp", enabled,
            "rateLimitEnabled" as rate_limit_enabled, "rateLimitTimeWindow" as rate_limit_time_window,
            "rateLimitMax" as rate_limit_max, "requestCount" as request_count, remaining,
            "lastRequest" as "last_request: Timestamp", "expiresAt" as "expires_at: Timestamp",
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            permissions, metadata, id
        from apikey
        where "referenceId" = $1
        order by "createdAt", id
        "#,
        user_id,
    )
    .fetch_all(db)
    .await
}

/// Changes of a key by its owner. A field that is `None` keeps its value.
#[expect(
    clippy::option_option,
    reason = "a missing field, null and a value are three things"
)]
#[derive(Debug, Default)]
pub struct ApiKeyChanges {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub expires_at: Option<Option<Timestamp>>,
    /// JSON.
    pub metadata: Option<Option<String>>,
}

impl ApiKeyChanges {
    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.enabled.is_none()
            && self.expires_at.is_none()
            && self.metadata.is_none()
    }
}

/// Changes a user's key. `updatedAt` is the time of its last use, and stays as it is.
pub async fn update(
    db: impl PgExecutor<'_>,
    user_id: &str,
    id: &str,
    changes: &ApiKeyChanges,
) -> sqlx::Result<Option<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"
        update apikey
        set name = coalesce($3, name),
            enabled = coalesce($4, enabled),
            "expiresAt" = case when $5 then $6 else "expiresAt" end,
            metadata = case when $7 then $8 else metadata end
        where "referenceId" = $1 and id = $2
        returning
            "configId" as config_id, name, start, "referenceId" as reference_id, prefix,
            "refillInterval" as refill_interval, "refillAmount" as refill_amount,
            "lastRefillAt" as "last_refill_at: Timestamp", enabled,
            "rateLimitEnabled" as rate_limit_enabled, "rateLimitTimeWindow" as rate_limit_time_window,
            "rateLimitMax" as rate_limit_max, "requestCount" as request_count, remaining,
            "lastRequest" as "last_request: Timestamp", "expiresAt" as "expires_at: Timestamp",
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            permissions, metadata, id
        "#,
        user_id,
        id,
        changes.name,
        changes.enabled,
        changes.expires_at.is_some(),
        changes.expires_at.flatten().map(|time| time.0),
        changes.metadata.is_some(),
        changes.metadata.as_ref().and_then(Option::as_deref),
    )
    .fetch_optional(db)
    .await
}

/// Deletes a user's key. Returns whether it existed.
pub async fn delete(db: impl PgExecutor<'_>, user_id: &str, id: &str) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        r#"delete from apikey where "referenceId" = $1 and id = $2"#,
        user_id,
        id,
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected() > 0)
}
