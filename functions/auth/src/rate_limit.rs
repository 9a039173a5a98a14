//! Better Auth's rate limits, counted in Redis or else in the database, so that they hold across instances.

use std::{net::IpAddr, time::Duration};

use axum::http::Uri;
use shared::{AppState, config::Config, http::ClientAddress};

use crate::{error::Error, queries, request};

/// How long a request waits for its count. What cannot be counted is let through.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// Longest part of a path that is told apart. No route's is longer.
const MAX_PATH_BYTES: usize = 128;

/// A number of requests in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests allowed in one window.
    pub requests: u32,
    /// Length of the window.
    pub seconds: u32,
}

const SIGN_IN: Limit = Limit {
    requests: 3,
    seconds: 10,
};
const MAIL: Limit = Limit {
    requests: 3,
    seconds: 60,
};
const OTHERS: Limit = Limit {
    requests: 100,
    seconds: 10,
};

/// The limit of a path below `/api/auth` (Better Auth 1.7: `getDefaultSpecialRules`).
fn limit_of(path: &str) -> Limit {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    if starts(&["/sign-in", "/sign-up", "/change-password", "/change-email"]) {
        SIGN_IN
    } else if starts(&["/forget-password"])
        || [
            "/request-password-reset",
            "/send-verification-email",
            "/email-otp/send-verification-otp",
            "/email-otp/request-password-reset",
        ]
        .contains(&path)
    {
        MAIL
    } else {
        OTHERS
    }
}

/// Whether requests are counted, and for whom those without an address are.
#[derive(Debug)]
pub struct RateLimit {
    on: bool,
    production: bool,
}

impl RateLimit {
    /// On in production, unless `AUTH_RATE_LIMIT` says otherwise.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            on: config
                .variables
                .switch("AUTH_RATE_LIMIT", config.production)?,
            production: config.production,
        })
    }

    /// Counts a request and refuses it where its window is full.
    pub async fn check(
        &self,
        app: &AppState,
        address: ClientAddress,
        uri: &Uri,
    ) -> Result<(), Error> {
        if !self.on {
            return Ok(());
        }
        let path = request::below_base(uri.path()).trim_end_matches('/');
        let limit = limit_of(path);
        let path = path.get(..MAX_PATH_BYTES).unwrap_or(path);
        let client = client(address, self.production);
        let client = if client.is_empty() {
            "no-trusted-ip"
        } else {
            &client
        };
        match wait(app, &format!("{client}|{path}"), limit).await {
            Duration::ZERO => Ok(()),
            wait => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(Error::TooManyRequests(
                    seconds.clamp(1, limit.seconds.into()),
                ))
            }
        }
    }
}

/// Counts a request, and tells how long to wait where the window is full.
async fn wait(app: &AppState, key: &str, limit: Limit) -> Duration {
    if let Some(redis) = &app.redis
        && let Some(wait) = redis.admit(key, limit.requests, limit.seconds).await
    {
        return wait;
    }
    let counted = queries::rate_limit::count(&app.db, key, limit);
    match tokio::time::timeout(TIME_LIMIT, counted).await {
        Ok(Ok(wait)) => wait,
        Ok(Err(error)) => {
            tracing::warn!(%error, "requests cannot be counted");
            Duration::ZERO
        }
        Err(_) => {
            tracing::warn!("requests cannot be counted in time");
            Duration::ZERO
        }
    }
}

/// The client's address in the one form that is counted and stored: of IPv6 the /64, written in full. Outside production
/// a request without an address counts as local; in production it is empty.
pub fn client(address: ClientAddress, production: bool) -> String {
    match address.0.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:04x}:{b:04x}:{c:04x}:{d:04x}:0000:0000:0000:0000")
        }
        None if production => String::new(),
        None => "127.0.0.1".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_limits() {
        for (path, limit) in [
            ("/sign-in/social", SIGN_IN),
            ("/sign-up/email", SIGN_IN),
            ("/change-email", SIGN_IN),
            ("/request-password-reset", MAIL),
            ("/forget-password/x", MAIL),
            ("/request-password-reset/x", OTHERS),
            ("/get-session", OTHERS),
            ("", OTHERS),
        ] {
            assert_eq!(limit_of(path), limit, "{path}");
        }
    }
}
