//! Codes and tokens: what was granted, to whom, and what redeems it.

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

use crate::{
    http::Fields,
    people::Person,
    server::{Client, Inner},
};

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

/// Why a token request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Client,
    Code,
    RefreshToken,
    RedirectUri,
    GrantType,
}

impl Refusal {
    /// Error code and description in GitHub's words; its status is 200.
    pub fn in_github_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Client => (
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            ),
            Self::Code => (
                "bad_verification_code",
                "The code passed is incorrect or expired.",
            ),
            Self::RefreshToken => (
                "bad_refresh_token",
                "The refresh token passed is incorrect or expired.",
            ),
            Self::RedirectUri => (
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            ),
            Self::GrantType => (
                "unsupported_grant_type",
                "The grant_type must be authorization_code or refresh_token.",
            ),
        }
    }

    /// Status, error code and description in Google's words.
    pub fn in_google_words(self) -> (StatusCode, &'static str, &'static str) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client", "Unauthorized"),
            Self::Code => (bad, "invalid_grant", "Malformed auth code."),
            Self::RefreshToken => (bad, "invalid_grant", "Bad Request"),
            Self::RedirectUri => (bad, "redirect_uri_mismatch", "Bad Request"),
            Self::GrantType => (bad, "unsupported_grant_type", "Invalid grant_type"),
        }
    }
}

/// Judges a token request; a code that is named here is used up, whatever else is wrong.
pub fn redeem(
    inner: &mut Inner,
    service: Service,
    client: &Client,
    form: &Fields,
) -> Result<Grant, Refusal> {
    if form.get("client_id") != Some(client.id) || form.get("client_secret") != Some(client.secret)
    {
        return Err(Refusal::Client);
    }
    match form.get("grant_type") {
        // GitHub's endpoint is older than the parameter and takes it for granted.
        Some("authorization_code") => {}
        None if service == Service::GitHub => {}
        Some("refresh_token") => {
            let token = form.get("refresh_token").ok_or(Refusal::RefreshToken)?;
            let known = match service {
                // GitHub's refresh tokens work once, Google's until they are revoked.
                Service::GitHub => inner.refresh_tokens.remove(token),
                Service::Google => inner.refresh_tokens.get(token).cloned(),
            };
            return known
                .filter(|grant| grant.service == service)
                .ok_or(Refusal::RefreshToken);
        }
        _ => return Err(Refusal::GrantType),
    }
    let grant = form
        .get("code")
        .and_then(|code| inner.codes.remove(code))
        .filter(|grant| grant.service == service)
        .ok_or(Refusal::Code)?;
    if form.get("redirect_uri") != Some(&grant.redirect_uri) {
        return Err(Refusal::RedirectUri);
    }
    let proof = form.get("code_verifier").map(challenge_of);
    if proof != grant.challenge {
        return Err(Refusal::Code);
    }
    Ok(grant)
}

fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A random text that starts with the prefix of its kind.
pub fn random(prefix: &str) -> String {
    format!(
        "{prefix}{}",
        Alphanumeric.sample_string(&mut rand::rng(), 36)
    )
}
