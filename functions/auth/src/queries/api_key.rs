//! Rows of `apikey`, as their owners see them. How they are used is counted in `shared`.

use serde::Serialize;
use serde_json::Value;
use shared::{random, time::Timestamp};
use sqlx::PgExecutor;
use utoipa::ToSchema;

/// How many keys a user may have that have not expired.
pub const MAX_KEYS: i64 = 20;

/// A key as its owner sees it, without what is stored of the key itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthApiKey)]
pub struct ApiKey {
    pub config_id: String,
    pub name: Option<String>,
    /// Its first characters.
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
    pub permissions: Json,
    /// As its owner gave it: an object or an array, or else null.
    #[schema(value_type = serde_json::Value)]
    pub metadata: Json,
    pub id: String,
}

/// JSON in a column of text; what cannot be read counts as null.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Json(Value);

impl From<Option<String>> for Json {
    fn from(text: Option<String>) -> Self {
        Self(
            text.and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
        )
    }
}

/// A key to be made.
pub struct NewKey<'a> {
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

/// Makes a key unless its owner has enough of them: then `None`. The caller has locked the owner.
pub async fn insert(db: impl PgExecutor<'_>, key: &NewKey<'_>) -> sqlx::Result<Option<ApiKey>> {
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

/// A user's key.
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

/// A user's keys, oldest first. There are few, also with those that have expired and were not swept yet.
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

/// What its owner changes of a key; what is `None` stays.
#[expect(
    clippy::option_option,
    reason = "missing, null and a value are three things"
)]
#[derive(Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub expires_at: Option<Option<Timestamp>>,
    /// JSON.
    pub metadata: Option<Option<String>>,
}

/// Changes a user's key.
pub async fn update(
    db: impl PgExecutor<'_>,
    user_id: &str,
    id: &str,
    changes: &Changes,
) -> sqlx::Result<Option<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"
        update apikey
        set name = coalesce($3, name),
            enabled = coalesce($4, enabled),
            "expiresAt" = case when $5 then $6 else "expiresAt" end,
            metadata = case when $7 then $8 else metadata end,
            "updatedAt" = now() at time zone 'utc'
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

/// Deletes a user's key; whether there was one.
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

/// Deletes some of the keys that have expired.
pub async fn delete_expired(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from apikey
        where id in (
            select id from apikey
            where "expiresAt" < now() at time zone 'utc'
            order by "expiresAt"
            limit 1000
            for update skip locked
        )
        "#,
    )
    .execute(db)
    .await?;
    Ok(())
}
