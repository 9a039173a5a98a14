//! How to reach Redis.

use super::variables::Variables;

/// How to reach Redis.
#[derive(Clone)]
pub struct RedisConfig {
    /// Address of the server (`REDIS_URL`).
    pub url: String,
    /// Replaces the password of the address (`REDIS_PASSWORD`).
    pub password: Option<String>,
}

impl RedisConfig {
    /// Reads the variables; `None` if `REDIS_URL` is not set.
    pub fn read(variables: &Variables) -> Option<Self> {
        Some(Self {
            url: variables.get("REDIS_URL")?.to_owned(),
            password: variables.get("REDIS_PASSWORD").map(str::to_owned),
        })
    }
}
