//! The rate limit of new API keys.

use shared::config::Config;

/// The rate limit that a new API key gets.
#[derive(Clone, Copy, Debug)]
pub struct ApiKeyLimit {
    /// Requests in one window.
    pub max: i32,
    /// Length of the window, in milliseconds.
    pub window: i32,
}

impl ApiKeyLimit {
    /// `API_KEY_RATE_LIMIT_MAX` requests, 600 by default, in `API_KEY_RATE_LIMIT_WINDOW` milliseconds, 60000 by default.
    ///
    /// # Errors
    /// One of them is no positive number.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let positive = |name, default| {
            let value = config.variables.parsed(name, default)?;
            anyhow::ensure!(value > 0, "the value of {name} must be positive");
            Ok(value)
        };
        Ok(Self {
            max: positive("API_KEY_RATE_LIMIT_MAX", 600)?,
            window: positive("API_KEY_RATE_LIMIT_WINDOW", 60_000)?,
        })
    }
}
