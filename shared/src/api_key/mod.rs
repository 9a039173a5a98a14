//! Verifies API keys in the same order as the Better Auth API-key plugin (1.7.5). One conditional update counts each use.

mod statement;

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Duration;
use platform::{db::Db, time::Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::statement::{ApiKeyRow, delete_spent, use_key};

/// Keys shorter than this are not looked up: it is the length of the random part.
const MIN_LENGTH: usize = 64;
/// Keys longer than this are not looked up. The longest prefix and the random part are shorter.
const MAX_LENGTH: usize = 256;

/// Returns the stored form of a key: unpadded base64url of the SHA-256 of the whole key, prefix included.
pub fn hash(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(key))
}

/// An accepted key, whose use has been counted.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// `apikey.id`.
    pub id: String,
    /// `user.id` of its owner.
    pub user_id: String,
    /// When the key expires.
    pub expires_at: Option<Timestamp>,
    permissions: Option<Value>,
}

impl ApiKey {
    /// Returns whether the key has the permission for `action` (`read`, `write`) on `resource` (`api`, `metrics`). A key
    /// without permissions may read and write the API.
    pub fn allows(&self, resource: &str, action: &str) -> bool {
        match &self.permissions {
            None => resource == "api",
            Some(permissions) => permissions[resource]
                .as_array()
                .is_some_and(|actions| actions.iter().any(|allowed| allowed == action)),
        }
    }
}

/// Why a key was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyRefusal {
    /// Too short to be a key.
    Malformed,
    /// The key does not exist.
    Unknown,
    /// The key is disabled.
    Disabled,
    /// The key has expired, and its row was deleted.
    Expired,
    /// No uses are left. The value is the milliseconds until the next refill, if there is one.
    UsedUp(Option<i64>),
    /// The key's rate limit is exceeded. The value is the milliseconds until the window ends.
    RateLimited(i64),
    /// The owner does not exist any more.
    NoOwner,
}

impl ApiKeyRefusal {
    /// Returns the plugin's status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::FORBIDDEN,
            Self::UsedUp(_) | Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unknown | Self::Disabled | Self::Expired | Self::NoOwner => {
                StatusCode::UNAUTHORIZED
            }
        }
    }

    /// Returns the plugin's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed | Self::Unknown => "INVALID_API_KEY",
            Self::Disabled => "KEY_DISABLED",
            Self::Expired => "KEY_EXPIRED",
            Self::UsedUp(_) => "USAGE_EXCEEDED",
            Self::RateLimited(_) => "RATE_LIMITED",
            Self::NoOwner => "INVALID_REFERENCE_ID_FROM_API_KEY",
        }
    }

    /// Returns the plugin's message.
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed | Self::Unknown => "Invalid API key.",
            Self::Disabled => "API Key is disabled",
            Self::Expired => "API Key has expired",
            Self::UsedUp(_) => "API Key has reached its usage limit",
            Self::RateLimited(_) => "Rate limit exceeded.",
            Self::NoOwner => "The reference id from the API key is invalid.",
        }
    }
}

/// The owner of a key, found by the statement that counts the use of the key.
pub(crate) struct KeyOwner {
    pub role: Option<String>,
    pub is_pro: bool,
    /// The owner is neither deactivated nor banned.
    pub is_active: bool,
    /// The counter of the owner's requests. `None` if none was asked for, or if it cannot be read.
    pub counter: Option<OwnerCounter>,
}

/// A counter of the owner's requests.
pub(crate) struct OwnerCounter {
    pub policy: &'static str,
    /// Requests in the current window.
    pub count: i32,
    /// Seconds until the window ends.
    pub resets_in: i32,
}

/// Looks up a key, verifies it and counts its use in one statement. A rejected use is not counted. Concurrent requests cannot
/// exceed a limit, because PostgreSQL evaluates the update's condition again on the row that the previous update left.
pub async fn verify(db: &Db, key: &str) -> sqlx::Result<Result<ApiKey, ApiKeyRefusal>> {
    let verified = verify_with_owner(db, key, None).await?;
    Ok(verified.map(|(key, _)| key))
}

/// Like [`verify`], and finds the owner in the same statement. It also reads the owner's counter of that policy.
pub(crate) async fn verify_with_owner(
    db: &Db,
    key: &str,
    policy: Option<&'static str>,
) -> sqlx::Result<Result<(ApiKey, KeyOwner), ApiKeyRefusal>> {
    if key.len() < MIN_LENGTH {
        return Ok(Err(ApiKeyRefusal::Malformed));
    }
    if key.len() > MAX_LENGTH {
        return Ok(Err(ApiKeyRefusal::Unknown));
    }
    let hash = hash(key);
    let Some(mut found) = use_key(db, &hash, policy).await? else {
        return Ok(Err(ApiKeyRefusal::Unknown));
    };
    if !found.used {
        // The statement returned the row as it was before. A second attempt sees what concurrent requests have changed.
        match use_key(db, &hash, policy).await? {
            Some(again) => found = again,
            None => return Ok(Err(ApiKeyRefusal::UsedUp(None))),
        }
    }
    let now = found.now;
    if !found.enabled {
        return Ok(Err(ApiKeyRefusal::Disabled));
    }
    if found.expires_at.is_some_and(|end| end < now) {
        delete_spent(db, &found.id).await?;
        return Ok(Err(ApiKeyRefusal::Expired));
    }
    if !found.used {
        return Ok(Err(refusal_of_use(db, found).await?));
    }
    if !found.has_owner {
        return Ok(Err(ApiKeyRefusal::NoOwner));
    }
    // Permissions that cannot be parsed allow nothing.
    let permissions = found.permissions.as_deref().map(|permissions| {
        serde_json::from_str(permissions).unwrap_or_else(|_| Value::Array(Vec::new()))
    });
    let counter = match (policy, found.count, found.resets_in) {
        (Some(policy), Some(count), Some(resets_in)) => Some(OwnerCounter {
            policy,
            count,
            resets_in,
        }),
        _ => None,
    };
    let owner = KeyOwner {
        role: found.role,
        is_pro: found.is_pro,
        is_active: found.is_active,
        counter,
    };
    let key = ApiKey {
        id: found.id,
        user_id: found.reference_id,
        expires_at: found.expires_at,
        permissions: permissions.filter(|permissions| !permissions.is_null()),
    };
    Ok(Ok((key, owner)))
}

/// Returns why the update did not match: no uses are left, or the rate limit is exceeded.
async fn refusal_of_use(db: &Db, found: ApiKeyRow) -> sqlx::Result<ApiKeyRefusal> {
    if found.remaining == Some(0) && found.refill_amount.is_none() {
        delete_spent(db, &found.id).await?;
        return Ok(ApiKeyRefusal::UsedUp(None));
    }
    let refill_is_due = found.refills_in.is_some_and(|millis| millis < 0);
    let has_uses = found.remaining.is_none_or(|remaining| remaining > 0) || refill_is_due;
    if has_uses
        && let Some(window) = found
            .rate_limit_time_window
            .filter(|_| found.rate_limit_enabled)
    {
        let window = Duration::milliseconds(i64::from(window));
        let wait = found
            .last_request
            .map_or(window, |last| last + window - found.now);
        return Ok(ApiKeyRefusal::RateLimited(
            wait.clamp(Duration::zero(), window).num_milliseconds(),
        ));
    }
    Ok(ApiKeyRefusal::UsedUp(found.refills_in))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn permissions_define_the_scopes() {
        let key = |permissions: Option<Value>| ApiKey {
            id: String::new(),
            user_id: String::new(),
            expires_at: None,
            permissions,
        };

        assert!(key(None).allows("api", "write"));
        assert!(!key(None).allows("metrics", "read"));
        assert!(key(Some(json!({"api": ["read"]}))).allows("api", "read"));
        assert!(!key(Some(json!({"api": ["read"]}))).allows("api", "write"));
        assert!(key(Some(json!({"metrics": ["read"]}))).allows("metrics", "read"));
        assert!(!key(Some(json!([]))).allows("api", "read"));
    }
}
