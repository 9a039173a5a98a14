//! Signing in and linking with an id token that the client already has.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Stage, expect_code};

const SIGN_IN: &str = "/api/auth/sign-in/social";
const LINK: &str = "/api/auth/link-social";

fn body(token: &str) -> Value {
    json!({ "provider": "google", "idToken": { "token": token } })
}

#[testkit::test]
async fn a_valid_token_signs_in(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let token = stage
        .provider
        .google_id_token(&ada, &json!({ "nonce": "n" }));
    let mut browser = stage.browser();

    let answer = browser
        .post(
            SIGN_IN,
            json!({ "provider": "google", "idToken": {
                "token": token, "nonce": "n", "accessToken": "a", "refreshToken": "r", "expiresAt": 5,
                "user": { "name": { "firstName": "Ada" } },
            } }),
        )
        .await
        .expect(200);

    let body = answer.json();
    let session = browser.session().await;
    assert_eq!(
        body,
        json!({ "redirect": false, "token": session["session"]["token"], "user": session["user"] })
    );
    assert_eq!(answer.header("location"), "");
    assert_eq!(answer.header_all("set-cookie").len(), 1);
    let account = stage
        .row(r#"select "accessToken", "refreshToken", "idToken", scope, "accountId" from account"#)
        .await;
    assert_eq!(
        account,
        json!({ "accessToken": "a", "refreshToken": "r", "idToken": token, "scope": null,
                "accountId": ada.id.to_string() })
    );
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn googles_own_issuers_are_accepted(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let now = chrono_now();

    for changes in [
        json!({ "iss": "https://accounts.google.com" }),
        json!({ "iss": "accounts.google.com" }),
        json!({ "iat": now - 3500 }),
        json!({ "exp": now - 20 }),
        json!({ "email_verified": "true" }),
    ] {
        let token = stage.provider.google_id_token(&ada, &changes);
        stage
            .app
            .anyone()
            .post(SIGN_IN, body(&token))
            .await
            .expect(200);
    }
}

fn chrono_now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

#[testkit::test]
async fn an_invalid_token_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let provider = &stage.provider;
    let now = chrono_now();
    let good = provider.google_id_token(&ada, &json!({}));

    for token in [
        provider.forged_google_id_token(&ada, &json!({})),
        provider.unsigned_google_id_token(&ada, &json!({})),
        provider.google_id_token(&ada, &json!({ "aud": "another" })),
        provider.google_id_token(&ada, &json!({ "aud": null })),
        provider.google_id_token(&ada, &json!({ "iss": "https://evil.example" })),
        provider.google_id_token(&ada, &json!({ "exp": now - 60 })),
        provider.google_id_token(&ada, &json!({ "exp": null })),
        provider.google_id_token(&ada, &json!({ "iat": now - 3700 })),
        provider.google_id_token(&ada, &json!({ "iat": null })),
        provider.google_id_token(&ada, &json!({ "iat": now + 60 })),
        provider.google_id_token(&ada, &json!({ "nbf": now + 60 })),
        provider.google_id_token(&ada, &json!({ "sub": null })),
        good.replace('.', ""),
        format!("{good}x"),
        String::new(),
        "nonsense".to_owned(),
    ] {
        let answer = stage.app.anyone().post(SIGN_IN, body(&token)).await;
        expect_code(&answer, 401, "INVALID_TOKEN", "Invalid token");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = stage
        .app
        .anyone()
        .post(
            SIGN_IN,
            json!({ "provider": "google", "idToken": { "token": good, "nonce": "n" } }),
        )
        .await;
    expect_code(&answer, 401, "INVALID_TOKEN", "Invalid token");
    assert_eq!(stage.count(r#""user""#).await, 0);
}

#[testkit::test]
async fn github_id_tokens_are_not_supported(db: PgPool) {
    let stage = Stage::new(db).await;

    let body = json!({ "provider": "github", "idToken": { "token": "x" } });
    let answer = stage.app.anyone().post(SIGN_IN, body).await;

    expect_code(
        &answer,
        404,
        "ID_TOKEN_NOT_SUPPORTED",
        "id_token not supported",
    );
}

#[testkit::test]
async fn a_token_without_a_permitted_user_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let other = Person::new("other").email("ada@example.com").unverified();

    let token = stage
        .provider
        .google_id_token(&ada, &json!({ "email": null }));
    let answer = stage.app.anyone().post(SIGN_IN, body(&token)).await;
    expect_code(&answer, 401, "USER_EMAIL_NOT_FOUND", "User email not found");

    stage.signed_in(&ada).await;
    let token = stage.provider.google_id_token(&other, &json!({}));
    let answer = stage.app.anyone().post(SIGN_IN, body(&token)).await;
    expect_code(&answer, 401, "OAUTH_LINK_ERROR", "account not linked");

    stage.execute(r#"update "user" set banned = true"#).await;
    let token = stage.provider.google_id_token(&ada, &json!({}));
    let answer = stage.app.anyone().post(SIGN_IN, body(&token)).await;
    expect_code(
        &answer,
        403,
        "BANNED_USER",
        "You have been banned from this application. Please contact support if you believe this is an error.",
    );
    assert_eq!(answer.header("set-cookie"), "");
}

#[testkit::test]
async fn a_token_links_an_account(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let token = stage.provider.google_id_token(&ada, &json!({}));
    let body = json!({ "provider": "google", "idToken": {
        "token": token, "accessToken": "a", "refreshToken": "r",
    } });

    let answer = browser.post(LINK, body).await.expect(200);

    assert_eq!(
        answer.text(),
        r#"{"url":"","status":true,"redirect":false}"#
    );
    assert_eq!(answer.header("set-cookie"), "");
    let account = stage
        .row(
            r#"select "accountId", "accessToken", "refreshToken", "idToken", scope from account
               where "providerId" = 'google'"#,
        )
        .await;
    assert_eq!(
        account,
        json!({ "accountId": ada.id.to_string(), "accessToken": "a", "refreshToken": "r", "idToken": token, "scope": null })
    );
}

/// The account was verified when it was linked, so the token's present address does not matter.
#[testkit::test]
async fn a_token_of_a_linked_account_updates_the_account(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    stage.signed_in(&ada).await;
    let mut browser = stage.browser();
    browser.sign_in(&stage.provider, "google", &ada).await;

    for claims in [
        json!({}),
        json!({ "email": "moved@example.com" }),
        json!({ "email_verified": false }),
    ] {
        let token = stage.provider.google_id_token(&ada, &claims);
        let answer = browser.post(LINK, body(&token)).await.expect(200);
        assert_eq!(
            answer.text(),
            r#"{"url":"","status":true,"redirect":false}"#
        );
        let account = stage
            .row(r#"select "idToken" as token, scope from account where "providerId" = 'google'"#)
            .await;
        assert_eq!(
            account,
            json!({ "token": token, "scope": "email,profile,openid" })
        );
    }
    assert_eq!(stage.count("account").await, 2);
}

#[testkit::test]
async fn a_token_that_cannot_be_linked_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let grace = stage.provider.register(Person::new("grace"));
    let mut browser = stage.signed_in(&ada).await;
    let mut hers = stage.browser();
    hers.sign_in(&stage.provider, "google", &grace).await;

    for (person, claims, status, code, message) in [
        (
            Person::new("x"),
            json!({ "email": "ada@example.com", "email_verified": false }),
            401,
            "LINKING_NOT_ALLOWED",
            "Account not linked - linking not allowed",
        ),
        (
            Person::new("x"),
            json!({}),
            401,
            "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED",
            "Account not linked - different emails not allowed",
        ),
        (
            Person::new("x"),
            json!({ "email": null }),
            401,
            "USER_EMAIL_NOT_FOUND",
            "User email not found",
        ),
        // Ownership is checked before the address is.
        (
            grace,
            json!({ "email": "ada@example.com", "email_verified": false }),
            409,
            "SOCIAL_ACCOUNT_ALREADY_LINKED",
            "Social account already linked",
        ),
    ] {
        let token = stage.provider.google_id_token(&person, &claims);
        let answer = browser.post(LINK, body(&token)).await;
        expect_code(&answer, status, code, message);
    }
    let answer = browser.post(LINK, body("nonsense")).await;
    expect_code(&answer, 401, "INVALID_TOKEN", "Invalid token");
    let github = json!({ "provider": "github", "idToken": { "token": "x" } });
    let answer = browser.post(LINK, github).await;
    expect_code(
        &answer,
        404,
        "ID_TOKEN_NOT_SUPPORTED",
        "id_token not supported",
    );
    assert_eq!(stage.count("account").await, 2);
}
