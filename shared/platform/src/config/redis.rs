//! The configuration of Redis.

use std::time::Duration;

use super::variables::Variables;

/// The configuration of Redis.
#[derive(Clone)]
pub struct RedisConfig {
    /// Address of the server (`REDIS_URL`).
    pub url: String,
    /// Replaces the password of the address (`REDIS_PASSWORD`).
    pub password: Option<String>,
    /// Timeout of a command.
    pub timeout: Duration,
}

impl RedisConfig {
    /// Timeout of a command, after which the request is served as if Redis were not configured.
    pub const TIMEOUT: Duration = Duration::from_millis(50);

    /// Reads the variables; `None` if `REDIS_URL` is not set.
    pub fn read(variables: &Variables) -> Option<Self> {
        Some(Self {
            url: variables.get("REDIS_URL")?.to_owned(),
            password: variables.get("REDIS_PASSWORD").map(str::to_owned),
            timeout: Self::TIMEOUT,
        })
    }
}
