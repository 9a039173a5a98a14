//! Configuration by operators: the `SameSite` attribute, and one provider instead of two.

use std::collections::BTreeSet;

use provider::{Person, Provider};
use serde_json::json;
use sqlx::PgPool;

use crate::{Browser, Stage, app, expect_code, expect_redirect, parameter};

const PUBLIC: &str = "https://api.codecave.tech";

/// Returns names and attributes of all cookies that sign-in, refresh, impersonation and sign-out set.
async fn cookies_of_a_visit(stage: &Stage) -> BTreeSet<(String, String)> {
    let mut set = Vec::new();
    let mut browser = stage.browser();
    let person = stage.provider.register(Person::new("ada"));

    let body = json!({ "provider": "github", "callbackURL": "/home" });
    let start = browser.post("/api/auth/sign-in/social", body).await;
    set.extend(start.header_all("set-cookie"));
    let url = start.expect(200).json()["url"].as_str().unwrap().to_owned();
    let callback = stage.provider.sign_in(&url, &person);
    let callback = browser.get(callback.strip_prefix(PUBLIC).unwrap()).await;
    set.extend(callback.header_all("set-cookie"));

    stage
        .execute(r#"update session set "expiresAt" = now() at time zone 'utc' + interval '5 days'"#)
        .await;
    stage.execute(r#"update "user" set role = 'admin'"#).await;
    stage.app.insert_user("bob", "bob").await;
    let refreshed = browser.get("/api/auth/get-session").await.expect(200);
    set.extend(refreshed.header_all("set-cookie"));
    for (endpoint, body) in [
        ("admin/impersonate-user", json!({ "userId": "bob" })),
        ("admin/stop-impersonating", json!({})),
        ("sign-out", json!({})),
    ] {
        let answer = browser.post(&format!("/api/auth/{endpoint}"), body).await;
        let answer = answer.expect(200);
        set.extend(answer.header_all("set-cookie"));
    }
    set.iter()
        .map(|cookie| {
            let (name, _) = cookie.split_once('=').unwrap();
            let (_, attributes) = cookie.split_once("; Path=/; ").unwrap();
            (name.to_owned(), attributes.to_owned())
        })
        .collect()
}

#[testkit::test]
async fn every_cookie_has_the_configured_attributes_lax(db: PgPool) {
    every_cookie_has(db, None, "HttpOnly; Secure; SameSite=Lax").await;
}

#[testkit::test]
async fn every_cookie_has_the_configured_attributes_strict(db: PgPool) {
    every_cookie_has(db, Some("strict"), "HttpOnly; Secure; SameSite=Strict").await;
}

#[testkit::test]
async fn every_cookie_has_the_configured_attributes_none(db: PgPool) {
    every_cookie_has(db, Some("none"), "HttpOnly; Secure; SameSite=None").await;
}

async fn every_cookie_has(db: PgPool, same_site: Option<&str>, attributes: &str) {
    let mut variables = vec![("BETTER_AUTH_URL", PUBLIC)];
    variables.extend(same_site.map(|value| ("COOKIE_SAME_SITE", value)));
    let stage = Stage::configured(db, &variables).await;

    let expected: BTreeSet<_> = [
        "state",
        "session_token",
        "session_data",
        "dont_remember",
        "admin_session",
    ]
    .map(|name| {
        let name = format!("__Secure-better-auth.{name}");
        (name, attributes.to_owned())
    })
    .into();
    assert_eq!(cookies_of_a_visit(&stage).await, expected);
}

#[testkit::test]
async fn one_provider_is_enough(db: PgPool) {
    let provider = Provider::start().await.unwrap();
    let mut settings = provider.github_settings();
    // An id without a secret does not configure a provider.
    settings.push(("GOOGLE_CLIENT_ID", "half".to_owned()));
    let variables: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut browser = Browser {
        app: app(db, &variables),
        cookies: Vec::new(),
    };

    let body = json!({ "provider": "google" });
    let answer = browser.post("/api/auth/sign-in/social", body).await;
    expect_code(&answer, 404, "PROVIDER_NOT_FOUND", "Provider not found");
    let url = browser.start("github").await;
    let state = parameter(&url, "state").unwrap();
    let path = format!("/api/auth/callback/google?code=x&state={state}");
    let answer = browser.get(&path).await;
    expect_redirect(&answer, "/oops?error=oauth_provider_not_found");

    let person = provider.register(Person::new("ada"));
    let answer = browser.sign_in(&provider, "github", &person).await;
    expect_redirect(&answer, "/home");
    assert_eq!(browser.session().await["user"]["name"], json!(person.name));
}
