//! The credential that a request carries, before it is verified in the database.

use axum::http::{HeaderMap, HeaderName, header};
use platform::config::Config;
use subtle::ConstantTimeEq;

use crate::http::{Error, Result};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The credential that a request carries.
pub(super) enum Credential {
    None,
    /// The key as it was sent, in `x-api-key` or as a bearer token.
    ApiKey(String),
    /// The token of a session cookie with a valid signature.
    Session {
        token: String,
        dont_remember: bool,
    },
}

impl Credential {
    /// An API key takes precedence over a cookie. An empty header or a cookie with an invalid signature counts as absent.
    pub(super) fn of(config: &Config, headers: &HeaderMap) -> Self {
        let key = headers
            .get(API_KEY)
            .filter(|key| !key.is_empty())
            .map(|key| key.to_str().unwrap_or_default().trim());
        if let Some(key) = key.or_else(|| bearer(headers)) {
            return Self::ApiKey(key.to_owned());
        }
        match config.cookies.read(headers, "session_token") {
            None => Self::None,
            Some(token) => Self::Session {
                token,
                dont_remember: config.cookies.read(headers, "dont_remember").is_some(),
            },
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Rejects requests of other sites that use the cookie. Clients other than browsers send no `Origin`.
pub(super) fn check_origin(config: &Config, headers: &HeaderMap) -> Result<()> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let trusted = origin
        .to_str()
        .is_ok_and(|origin| config.trusted_origins.allows_origin(origin));
    if trusted {
        Ok(())
    } else {
        Err(Error::Forbidden("Invalid origin"))
    }
}

/// Returns whether the request carries `METRICS_TOKEN`. The comparison takes constant time.
pub(super) fn has_metrics_token(config: &Config, headers: &HeaderMap) -> bool {
    let Some(token) = &config.metrics_token else {
        return false;
    };
    bearer(headers).is_some_and(|sent| sent.as_bytes().ct_eq(token.as_bytes()).into())
}
