//! Checks token requests.

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    client::Client,
    grant::{Grant, Service},
    http::Fields,
    state::Inner,
};

/// The reason why a token request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    Client,
    Code,
    RefreshToken,
    RedirectUri,
    GrantType,
}

impl TokenRefusal {
    /// Returns GitHub's error code and description. The status is 200.
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

    /// Returns Google's status, error code and description.
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

/// Checks a token request and returns its grant. A code expires even if the request is rejected.
pub fn redeem(
    inner: &mut Inner,
    service: Service,
    client: &Client,
    form: &Fields,
) -> Result<Grant, TokenRefusal> {
    if form.get("client_id") != Some(client.id) || form.get("client_secret") != Some(client.secret)
    {
        return Err(TokenRefusal::Client);
    }
    match form.get("grant_type") {
        // GitHub does not require the parameter.
        Some("authorization_code") => {}
        None if service == Service::GitHub => {}
        Some("refresh_token") => {
            let token = form
                .get("refresh_token")
                .ok_or(TokenRefusal::RefreshToken)?;
            let known = match service {
                // GitHub's refresh tokens work once, Google's until they are revoked.
                Service::GitHub => inner.refresh_tokens.remove(token),
                Service::Google => inner.refresh_tokens.get(token).cloned(),
            };
            return known
                .filter(|grant| grant.service == service)
                .ok_or(TokenRefusal::RefreshToken);
        }
        _ => return Err(TokenRefusal::GrantType),
    }
    let grant = form
        .get("code")
        .and_then(|code| inner.codes.remove(code))
        .filter(|grant| grant.service == service)
        .ok_or(TokenRefusal::Code)?;
    if form.get("redirect_uri") != Some(&grant.redirect_uri) {
        return Err(TokenRefusal::RedirectUri);
    }
    let proof = form.get("code_verifier").map(challenge_of);
    if proof != grant.challenge {
        return Err(TokenRefusal::Code);
    }
    Ok(grant)
}

fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}
