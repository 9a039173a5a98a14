//! Better Auth's rate limits, counted in Redis or else in the database, so that they hold across instances.

use std::time::Duration;

use shared::{AppState, config::Config, http::ClientAddress};

use crate::{
    client_address::client_address,
    error::Error,
    queries::{self, rate_limit::RequestLimit},
};

const SIGN_IN: RequestLimit = RequestLimit {
    requests: 3,
    seconds: 10,
};
const MAIL: RequestLimit = RequestLimit {
    requests: 3,
    seconds: 60,
};
const OTHERS: RequestLimit = RequestLimit {
    requests: 100,
    seconds: 10,
};

/// Returns the limit of a route below `/api/auth` (Better Auth 1.7: `getDefaultSpecialRules`).
fn limit_of(path: &str) -> RequestLimit {
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

/// The rate limits of the configuration.
#[derive(Debug)]
pub struct RateLimit {
    on: bool,
    production: bool,
}

impl RateLimit {
    /// On in production, unless `AUTH_RATE_LIMIT` sets it.
    ///
    /// # Errors
    /// `AUTH_RATE_LIMIT` is malformed.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            on: config
                .variables
                .switch("AUTH_RATE_LIMIT", config.production)?,
            production: config.production,
        })
    }

    /// Counts a request in its bucket, and rejects it if the window is full.
    pub async fn check(
        &self,
        app: &AppState,
        address: ClientAddress,
        bucket: &str,
    ) -> Result<(), Error> {
        if !self.on {
            return Ok(());
        }
        let limit = limit_of(bucket);
        let client = client_address(address, self.production);
        let client = if client.is_empty() {
            "no-trusted-ip"
        } else {
            &client
        };
        match wait(app, &format!("{client}|{bucket}"), limit).await {
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

/// Counts a request. Returns how long to wait if the window is full, and zero otherwise.
async fn wait(app: &AppState, key: &str, limit: RequestLimit) -> Duration {
    if let Some(redis) = &app.redis
        && let Some(wait) = redis.admit(key, limit.requests, limit.seconds).await
    {
        return wait;
    }
    let counted = queries::rate_limit::count(&app.db, key, limit);
    // Limits fail open: a request that cannot be counted is allowed.
    app.limits.attempt(counted).await.unwrap_or(Duration::ZERO)
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
