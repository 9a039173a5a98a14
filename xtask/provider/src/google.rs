//! Google's endpoints for a client: tokens, their keys and userinfo.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Value, json};

use crate::{
    client::GOOGLE,
    grant::{Service, random},
    http::{self, Fields, merge},
    keys,
    people::Person,
    state::Shared,
    token::redeem,
};

/// Lifetime of Google's tokens, in seconds.
const LIFETIME: u64 = 3600;

/// `POST /google/token`
pub async fn token(State(state): State<Shared>, body: Bytes) -> Response {
    let form = Fields::parse(&body);
    let refreshing = form.get("grant_type") == Some("refresh_token");
    let mut inner = state.lock();
    let grant = match redeem(&mut inner, Service::Google, &GOOGLE, &form) {
        Ok(grant) => grant,
        Err(refusal) => {
            let (status, error, description) = refusal.in_google_words();
            let body = json!({ "error": error, "error_description": description });
            return http::json(status, &body);
        }
    };
    let access_token = random("ya29.");
    let mut answer = json!({
        "access_token": access_token,
        "expires_in": LIFETIME - 1,
        "scope": grant.scopes.join(" "),
        "token_type": "Bearer",
    });
    if grant.scopes.iter().any(|scope| scope == "openid") {
        let mut claims = claims(&state.url, &grant.person);
        merge(&mut claims, &json!({ "nonce": grant.nonce }));
        answer["id_token"] = json!(keys::OWN.sign(&claims));
    }
    // A refresh returns no refresh token: the present one stays valid.
    if grant.offline && !refreshing {
        let refresh_token = random("1//");
        answer["refresh_token"] = json!(refresh_token);
        inner.refresh_tokens.insert(refresh_token, grant.clone());
    }
    inner.access_tokens.insert(access_token, grant);
    http::json(StatusCode::OK, &answer)
}

/// Returns the claims of a new id token: <https://developers.google.com/identity/openid-connect/openid-connect>.
pub fn claims(base: &str, person: &Person) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let mut claims = json!({
        "iss": issuer(base),
        "azp": GOOGLE.id,
        "aud": GOOGLE.id,
        "iat": now,
        // Two tokens of one second are different.
        "jti": random(""),
        "exp": now + LIFETIME,
    });
    merge(&mut claims, &person.google_profile(base));
    claims
}

pub fn issuer(base: &str) -> String {
    format!("{base}/google")
}

/// `GET /google/certs`, the JWKS.
pub async fn keys() -> Response {
    http::json(StatusCode::OK, &json!({ "keys": [keys::OWN.public()] }))
}

/// `GET /google/userinfo`
pub async fn userinfo(State(state): State<Shared>, headers: HeaderMap) -> Response {
    match state.bearer(&headers, Service::Google) {
        Some(grant) => http::json(StatusCode::OK, &grant.person.google_profile(&state.url)),
        None => http::json(
            StatusCode::UNAUTHORIZED,
            &json!({ "error": "invalid_request", "error_description": "Invalid Credentials" }),
        ),
    }
}
