//! GitHub's endpoints for a client: tokens and the profile.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use crate::{
    client::GITHUB,
    grant::{Grant, Service, random},
    http::{self, Fields},
    state::Shared,
    token::redeem,
};

/// `POST /github/login/oauth/access_token`
///
/// The response is form-encoded unless the client accepts JSON. Its status is 200 even for an error:
/// <https://docs.github.com/en/apps/oauth-apps>.
pub async fn token(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = state.lock();
    let answer = match redeem(&mut inner, Service::GitHub, &GITHUB, &Fields::parse(&body)) {
        Ok(grant) => {
            let access_token = random("gho_");
            let mut answer = json!({
                "access_token": access_token,
                "token_type": "bearer",
                "scope": grant.scopes.join(","),
            });
            if grant.offline {
                let refresh_token = random("ghr_");
                answer["expires_in"] = json!(28_800);
                answer["refresh_token"] = json!(refresh_token);
                answer["refresh_token_expires_in"] = json!(15_897_600);
                inner.refresh_tokens.insert(refresh_token, grant.clone());
            }
            inner.access_tokens.insert(access_token, grant);
            answer
        }
        Err(refusal) => {
            let (error, description) = refusal.in_github_words();
            json!({ "error": error, "error_description": description })
        }
    };
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("json"));
    if wants_json {
        http::json(StatusCode::OK, &answer)
    } else {
        http::form(StatusCode::OK, &answer)
    }
}

/// `GET /github/user`
pub async fn user(State(state): State<Shared>, headers: HeaderMap) -> Response {
    profile(&state, &headers, |grant| {
        Some(grant.person.github_profile(&state.url))
    })
}

/// `GET /github/user/emails`, which requires the scope `user:email`.
pub async fn emails(State(state): State<Shared>, headers: HeaderMap) -> Response {
    profile(&state, &headers, |grant| {
        let granted = grant
            .scopes
            .iter()
            .any(|scope| scope == "user:email" || scope == "user");
        granted.then(|| grant.person.github_emails())
    })
}

fn profile(
    state: &Shared,
    headers: &HeaderMap,
    body: impl FnOnce(&Grant) -> Option<Value>,
) -> Response {
    if !headers.contains_key(header::USER_AGENT) {
        return http::answer(
            StatusCode::FORBIDDEN,
            "text/html",
            "Request forbidden by administrative rules. \
             Please make sure your request has a User-Agent header.",
        );
    }
    let Some(grant) = state.bearer(headers, Service::GitHub) else {
        let body = json!({ "message": "Bad credentials", "status": "401" });
        return http::json(StatusCode::UNAUTHORIZED, &body);
    };
    match body(&grant) {
        Some(body) => http::json(StatusCode::OK, &body),
        None => http::json(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" })),
    }
}
