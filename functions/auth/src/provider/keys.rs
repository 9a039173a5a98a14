//! Verifies Google's id tokens: signature, issuer, audience and times, with Google's published keys.

use std::time::Duration;

use anyhow::Context;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    dangerous::insecure_decode_claims,
    decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use serde_json::{Map, Value};
use shared::time::Timestamp;
use tokio::{sync::Mutex, time::Instant};

use super::http::{Failure, Http};

/// Time for which keys are cached. Google rotates them within days, and publishes new ones in advance.
const CACHE_TIME: Duration = Duration::from_hours(1);
/// Minimum interval between requests for an unknown key.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// Allowed clock skew, in seconds (Better Auth 1.7).
const LEEWAY: u64 = 30;
/// Maximum age of an id token that a client sends, in milliseconds.
const MAX_AGE: i64 = 3600 * 1000;

const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Google's keys, and the required claims of a token.
#[derive(Debug)]
pub struct Keys {
    url: String,
    validation: Validation,
    fetched: Mutex<Option<(Instant, JwkSet)>>,
}

impl Keys {
    /// `issuer` is accepted in addition to Google's own names.
    pub fn new(url: String, client_id: &str, issuer: Option<&str>) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_audience(&[client_id]);
        let issuers: Vec<&str> = ISSUERS.into_iter().chain(issuer).collect();
        validation.set_issuer(&issuers);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self {
            url,
            validation,
            fetched: Mutex::new(None),
        }
    }

    /// Returns the claims of a token that Google has signed for us and that has not expired.
    pub async fn verify(
        &self,
        http: &Http,
        token: &str,
        deadline: Instant,
    ) -> Result<Map<String, Value>, Failure> {
        let header = decode_header(token).context("the id token is malformed")?;
        anyhow::ensure!(
            header.alg == Algorithm::RS256,
            "the id token is not signed RS256"
        );
        let keys = self.keys(http, header.kid.as_deref(), deadline).await?;
        for key in keys {
            let Ok(key) = DecodingKey::from_jwk(&key) else {
                continue;
            };
            if let Ok(token) = decode::<Map<String, Value>>(token, &key, &self.validation) {
                return Ok(token.claims);
            }
        }
        anyhow::bail!("the signature or a claim of the id token is invalid")
    }

    /// Returns the claims of a token that a client sent. It must be recent, and contain the nonce if there is one.
    pub async fn verify_recent(
        &self,
        http: &Http,
        token: &str,
        nonce: Option<&str>,
        deadline: Instant,
    ) -> Result<Map<String, Value>, Failure> {
        let claims = self.verify(http, token, deadline).await?;
        let issued = claims
            .get("iat")
            .and_then(Value::as_i64)
            .context("the id token has no iat")?;
        let age = Timestamp::now().millis() - issued.saturating_mul(1000);
        let leeway = LEEWAY.cast_signed() * 1000;
        anyhow::ensure!(
            (-leeway..=MAX_AGE + leeway).contains(&age),
            "the id token is too old"
        );
        if let Some(nonce) = nonce.filter(|nonce| !nonce.is_empty()) {
            anyhow::ensure!(
                claims.get("nonce").and_then(Value::as_str) == Some(nonce),
                "the id token has another nonce"
            );
        }
        Ok(claims)
    }

    /// Returns the key with that id, or all keys if the token names none. An unknown id makes one more request for the keys.
    async fn keys(
        &self,
        http: &Http,
        kid: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<Jwk>, Failure> {
        // The lock is held during the request, so that concurrent callers share one request.
        let mut fetched = self.fetched.lock().await;
        let known = fetched.as_ref().and_then(|(at, keys)| {
            let found = select(keys, kid);
            let lifetime = if found.is_empty() {
                RETRY_INTERVAL
            } else {
                CACHE_TIME
            };
            (at.elapsed() < lifetime).then_some(found)
        });
        let keys = if let Some(keys) = known {
            keys
        } else {
            let keys: JwkSet = http.get(&self.url, None, deadline).await?;
            let found = select(&keys, kid);
            *fetched = Some((Instant::now(), keys));
            found
        };
        anyhow::ensure!(!keys.is_empty(), "the id token's key is unknown");
        Ok(keys)
    }
}

fn select(keys: &JwkSet, kid: Option<&str>) -> Vec<Jwk> {
    keys.keys
        .iter()
        .filter(|key| kid.is_none() || key.common.key_id.as_deref() == kid)
        .cloned()
        .collect()
}

/// Returns the claims of a token that was verified when it was received.
pub fn claims(token: &str) -> Result<Map<String, Value>, Failure> {
    insecure_decode_claims(token).context("the stored id token is malformed")
}
