//! API keys (Better Auth's API-key plugin 1.7): their owners' endpoints, and requests that come with one.

pub mod bodies;
mod create;
mod credential;
mod endpoints;
mod lifetime;

use shared::config::Config;

use crate::error::Error;

pub use create::{CreatedKey, create};
pub use credential::find_owner;
pub use endpoints::{KeyList, delete, list, show, update};

/// Longest name, in UTF-16 units as JavaScript counts.
const MAX_NAME: usize = 32;

/// The rate limit that new keys get.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    max: i32,
    /// In milliseconds.
    window: i32,
}

impl Limit {
    /// `API_KEY_RATE_LIMIT_MAX` requests, 600 by default, in `API_KEY_RATE_LIMIT_WINDOW` milliseconds, 60000 by default.
    /// Fails where one of them is no positive number.
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

fn server_only() -> Error {
    Error::bad_request(
        "SERVER_ONLY_PROPERTY",
        "The property you're trying to set can only be set from the server auth instance only.",
    )
}

fn no_session() -> Error {
    Error::unauthorized("UNAUTHORIZED_SESSION", "Unauthorized or invalid session")
}

fn invalid_name() -> Error {
    Error::bad_request(
        "INVALID_NAME_LENGTH",
        "The name length is either too large or too small.",
    )
}

fn invalid_metadata() -> Error {
    Error::bad_request(
        "INVALID_METADATA_TYPE",
        "metadata must be an object or undefined",
    )
}

/// How many units a text has in JavaScript.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}
