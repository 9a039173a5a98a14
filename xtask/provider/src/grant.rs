//! Grants: what a person allowed a client.

use rand::distr::{Alphanumeric, SampleString};

use crate::people::Person;

/// One of the two services that the provider stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    Google,
}

/// What a person agreed to on the authorize page.
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

/// A random text that starts with the prefix of its kind.
pub fn random(prefix: &str) -> String {
    format!(
        "{prefix}{}",
        Alphanumeric.sample_string(&mut rand::rng(), 36)
    )
}
