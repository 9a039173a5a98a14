//! Grants: permissions that a person gives to a client.

use rand::distr::{Alphanumeric, SampleString};

use crate::people::Person;

/// One of the two services that the provider stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    Google,
}

/// A permission that a person gave on the authorize page.
#[derive(Clone, Debug)]
pub struct Grant {
    pub service: Service,
    pub person: Person,
    pub redirect_uri: String,
    /// The S256 challenge of PKCE (RFC 7636), where the client sent one.
    pub challenge: Option<String>,
    pub scopes: Vec<String>,
    pub nonce: Option<String>,
    /// Whether a refresh token comes with the access token.
    pub offline: bool,
}

/// Returns a random text with this prefix.
pub fn random(prefix: &str) -> String {
    format!(
        "{prefix}{}",
        Alphanumeric.sample_string(&mut rand::rng(), 36)
    )
}
