//! Slow, broken and hostile providers.

use std::time::Duration;

use provider::{Endpoint, Fault, Person};
use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, expect_redirect};

/// Asserts that a sign-in redirects to the error address with this code and writes no rows.
async fn expect_failure(stage: &Stage, service: &str, code: &str) {
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let answer = browser.sign_in(&stage.provider, service, &person).await;
    expect_redirect(&answer, &format!("/oops?error={code}"));
    assert_eq!(
        answer.header_all("set-cookie"),
        ["better-auth.state=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]
    );
    for table in [r#""user""#, "account", "session", "verification"] {
        assert_eq!(stage.count(table).await, 0, "{table}");
    }
}

#[testkit::test]
async fn a_code_that_the_provider_does_not_exchange_is_invalid(db: PgPool) {
    let stage = Stage::new(db).await;

    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Error("bad_verification_code"),
        Fault::Garbage,
        Fault::Body(json!({})),
        Fault::Body(json!([])),
        Fault::Body(json!({ "access_token": "" , "token_type": "bearer" })),
        Fault::Body(json!({ "access_token": "a\0b", "token_type": "bearer" })),
        Fault::Body(json!({ "access_token": "x", "error": "both" })),
        Fault::Body(json!({ "access_token": 5 })),
        Fault::Redirect,
        Fault::Disconnect,
    ] {
        for (service, endpoint) in [
            ("github", Endpoint::GitHubToken),
            ("google", Endpoint::GoogleToken),
        ] {
            stage.provider.fail(endpoint, fault.clone());
            expect_failure(&stage, service, "invalid_code").await;
        }
    }
    assert!(stage.provider.received(Endpoint::Elsewhere).is_empty());
}

#[testkit::test]
async fn an_invalid_expiry_is_ignored(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));

    for expiry in [
        json!(-1),
        json!("soon"),
        json!(1e300),
        json!(u64::MAX),
        json!({}),
    ] {
        stage.provider.fail(
            Endpoint::GitHubToken,
            Fault::Patch(json!({ "expires_in": expiry, "refresh_token_expires_in": expiry })),
        );
        stage.signed_in(&person).await;
    }
    stage.provider.fail(
        Endpoint::GitHubToken,
        Fault::Patch(json!({ "expires_in": "60" })),
    );
    stage.signed_in(&person).await;
    let row = stage
        .row(r#"select "accessTokenExpiresAt" is not null as given from account"#)
        .await;
    assert_eq!(row["given"], true);
}

#[testkit::test]
async fn a_sign_in_without_a_profile_fails(db: PgPool) {
    let stage = Stage::new(db).await;

    for fault in [
        Fault::Status(500),
        Fault::Status(401),
        Fault::Garbage,
        Fault::Body(json!([])),
        Fault::Body(json!({ "login": "ada" })),
        Fault::Patch(json!({ "id": null })),
        Fault::Patch(json!({ "id": "x".repeat(300) })),
        Fault::Redirect,
        Fault::Disconnect,
    ] {
        stage.provider.fail(Endpoint::GitHubUser, fault);
        expect_failure(&stage, "github", "unable_to_get_user_info").await;
    }
    stage.provider.fail(
        Endpoint::GoogleToken,
        Fault::Patch(json!({ "id_token": null })),
    );
    expect_failure(&stage, "google", "unable_to_get_user_info").await;
}

#[testkit::test]
async fn without_the_list_of_addresses_the_address_is_not_verified(db: PgPool) {
    let stage = Stage::new(db).await;
    stage
        .provider
        .fail(Endpoint::GitHubEmails, Fault::Status(500));
    let person = stage.provider.register(Person::new("ada"));

    let mut browser = stage.signed_in(&person).await;

    assert_eq!(browser.session().await["user"]["emailVerified"], false);
}

#[testkit::test]
async fn an_invalid_id_token_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));

    for token in [
        stage.provider.forged_google_id_token(&person, &json!({})),
        stage.provider.unsigned_google_id_token(&person, &json!({})),
        stage
            .provider
            .google_id_token(&person, &json!({ "aud": "another" })),
        stage
            .provider
            .google_id_token(&person, &json!({ "iss": "https://evil.example" })),
        stage
            .provider
            .google_id_token(&person, &json!({ "exp": 1_000_000_000 })),
        stage
            .provider
            .google_id_token(&person, &json!({ "sub": null })),
        "nonsense".to_owned(),
        "a.b.c".to_owned(),
    ] {
        stage.provider.fail(
            Endpoint::GoogleToken,
            Fault::Patch(json!({ "id_token": token })),
        );
        expect_failure(&stage, "google", "invalid_code").await;
    }
}

#[testkit::test]
async fn a_sign_in_without_googles_keys_fails(db: PgPool) {
    let stage = Stage::new(db).await;

    for fault in [
        Fault::Status(500),
        Fault::Garbage,
        Fault::Body(json!({ "keys": [] })),
        Fault::Redirect,
        Fault::Disconnect,
    ] {
        stage.provider.fail(Endpoint::GoogleKeys, fault);
        expect_failure(&stage, "google", "invalid_code").await;
    }
}

#[testkit::test]
async fn googles_keys_are_fetched_once(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));

    for _ in 0..3 {
        let mut browser = stage.browser();
        let answer = browser.sign_in(&stage.provider, "google", &person).await;
        expect_redirect(&answer, "/home");
    }

    assert_eq!(stage.provider.received(Endpoint::GoogleKeys).len(), 1);
}

#[testkit::test]
async fn a_slow_token_endpoint_times_out(db: PgPool) {
    let stage = Stage::new(db).await;
    stage
        .provider
        .fail(Endpoint::GitHubToken, Fault::Slow(Duration::from_secs(30)));

    // After ten seconds the response would be 503.
    expect_failure(&stage, "github", "invalid_code").await;
}

#[testkit::test]
async fn all_requests_of_a_sign_in_share_one_timeout(db: PgPool) {
    let stage = Stage::new(db).await;
    for endpoint in [Endpoint::GitHubToken, Endpoint::GitHubUser] {
        stage
            .provider
            .fail(endpoint, Fault::Slow(Duration::from_millis(5500)));
    }

    // Both together take eleven seconds. After ten, the response would be 503.
    expect_failure(&stage, "github", "unable_to_get_user_info").await;
}

#[testkit::test]
async fn the_token_request_sends_its_credentials_in_the_body(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    stage.signed_in(&person).await;

    let requests = stage.provider.received(Endpoint::GitHubToken);
    let request = requests.first().unwrap();
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(request.header("authorization"), None);
    let mut names = request.field_names();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "client_id",
            "client_secret",
            "code",
            "code_verifier",
            "grant_type",
            "redirect_uri"
        ]
    );
    let user = stage.provider.received(Endpoint::GitHubUser);
    assert_eq!(user[0].header("user-agent"), Some("better-auth"));
    assert!(
        user[0]
            .header("authorization")
            .unwrap()
            .starts_with("Bearer gho_")
    );
}
