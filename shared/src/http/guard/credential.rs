//! What a request says of its sender, before anybody has looked it up.

use axum::http::{HeaderMap, HeaderName, header};
use subtle::ConstantTimeEq;

use crate::{
    config::Config,
    http::{Error, Result},
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The credential that a request carries.
pub(super) enum Credential {
    None,
    /// The key as it was sent, in `x-api-key` or as a bearer token.
    ApiKey(String),
    /// The token of a well-signed session cookie.
    Session {
        token: String,
        dont_remember: bool,
    },
}

impl Credential {
    /// An API key comes before a cookie; an empty header and a cookie with a bad signature count as absent.
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

/// A cookie must not be used by other sites. Clients that are no browsers send no Origin.
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

/// Whether the request carries `METRICS_TOKEN`; compared in constant time.
pub(super) fn has_metrics_token(config: &Config, headers: &HeaderMap) -> bool {
    let Some(token) = &config.metrics_token else {
        return false;
    };
    bearer(headers).is_some_and(|sent| sent.as_bytes().ct_eq(token.as_bytes()).into())
}
