//! `get-access-token`, `refresh-token` and `account-info`.

use provider::{Endpoint, Fault, Person, Service};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Browser, Stage, expect_code};

async fn only_account(stage: &Stage) -> Value {
    stage
        .row(
            r#"select id, "accountId", "accessToken", "refreshToken", "idToken", scope,
               extract(epoch from "accessTokenExpiresAt" - now() at time zone 'utc')::int as left from account"#,
        )
        .await
}

/// Gives the account this refresh token, and an access token that expires in so many seconds.
async fn expire(stage: &Stage, token: &str, seconds: i64) {
    stage
        .execute(&format!(
            r#"update account set "refreshToken" = '{token}',
               "accessTokenExpiresAt" = now() at time zone 'utc' + interval '{seconds} seconds'"#
        ))
        .await;
}

async fn signed_in(stage: &Stage, service: &str) -> (Person, Browser) {
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    browser.sign_in(&stage.provider, service, &person).await;
    (person, browser)
}

#[testkit::test]
async fn a_stored_token_is_returned(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, mut browser) = signed_in(&stage, "github").await;
    let account = only_account(&stage).await;

    for selector in [
        json!({ "accountId": account["id"] }),
        json!({ "accountId": account["id"], "userId": "ignored" }),
        json!({ "providerId": "github" }),
        json!({ "providerId": "github", "accountId": account["accountId"] }),
    ] {
        let answer = browser
            .post("/api/auth/get-access-token", selector)
            .await
            .expect(200);
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"accessToken":{},"scopes":["read:user","user:email"]}}"#,
                account["accessToken"]
            )
        );
    }
}

#[testkit::test]
async fn invalid_selectors_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, mut browser) = signed_in(&stage, "github").await;
    let id = only_account(&stage).await["id"].clone();

    for selector in [
        json!({}),
        json!({ "accountId": 5 }),
        json!({ "accountId": id, "more": 1 }),
        json!({ "accountId": id, "userId": 5 }),
        json!({ "accountId": id, "useAccountCookie": true }),
        json!({ "useAccountCookie": false }),
        json!({ "providerId": null }),
    ] {
        for path in ["get-access-token", "refresh-token"] {
            let path = format!("/api/auth/{path}");
            let answer = browser.post(&path, selector.clone()).await;
            expect_code(&answer, 400, "VALIDATION_ERROR", "[body] Invalid input");
        }
    }
    for query in [
        "",
        "?accountId=a&accountId=b",
        "?more=1",
        "?useAccountCookie=true",
    ] {
        let answer = browser.get(&format!("/api/auth/account-info{query}")).await;
        expect_code(&answer, 400, "VALIDATION_ERROR", "[query] Invalid input");
    }
    for selector in [
        json!({ "accountId": "unknown" }),
        json!({ "useAccountCookie": true }),
        json!({ "providerId": "google" }),
    ] {
        let answer = browser.post("/api/auth/get-access-token", selector).await;
        expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    }
}

#[testkit::test]
async fn tokens_of_other_users_are_not_returned(db: PgPool) {
    let stage = Stage::new(db).await;
    signed_in(&stage, "github").await;
    let hers = only_account(&stage).await["id"].clone();
    let grace = stage.provider.register(Person::new("grace"));
    let mut stranger = stage.signed_in(&grace).await;

    for path in ["get-access-token", "refresh-token"] {
        let body = json!({ "accountId": hers });
        let answer = stranger.post(&format!("/api/auth/{path}"), body).await;
        expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    }
    let path = format!(
        "/api/auth/account-info?accountId={}",
        hers.as_str().unwrap()
    );
    let answer = stranger.get(&path).await;
    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
}

#[testkit::test]
async fn an_expiring_token_is_refreshed_first(db: PgPool) {
    let stage = Stage::new(db).await;
    let (person, mut browser) = signed_in(&stage, "google").await;
    let before = only_account(&stage).await;
    let token = stage.provider.refresh_token_for(&person, Service::Google);
    let body = json!({ "accountId": before["id"] });

    expire(&stage, &token, 60).await;
    let answer = browser
        .post("/api/auth/get-access-token", body.clone())
        .await
        .expect(200);
    assert_eq!(answer.json()["accessToken"], before["accessToken"]);
    assert!(answer.json()["accessTokenExpiresAt"].is_string());
    assert_eq!(answer.json()["idToken"], before["idToken"]);

    expire(&stage, &token, 4).await;
    let answer = browser
        .post("/api/auth/get-access-token", body)
        .await
        .expect(200);
    let after = only_account(&stage).await;
    assert_ne!(answer.json()["accessToken"], before["accessToken"]);
    assert_eq!(answer.json()["accessToken"], after["accessToken"]);
    assert_eq!(after["refreshToken"], token);
    assert_eq!(after["scope"], before["scope"]);
    assert!(after["left"].as_i64().unwrap() > 3000);
}

#[testkit::test]
async fn a_rejected_refresh_is_an_error(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, mut browser) = signed_in(&stage, "github").await;
    let body = json!({ "providerId": "github" });
    expire(&stage, "unknown", 0).await;

    let answer = browser
        .post("/api/auth/get-access-token", body.clone())
        .await;
    expect_code(
        &answer,
        400,
        "FAILED_TO_GET_ACCESS_TOKEN",
        "Failed to get a valid access token",
    );
    let answer = browser.post("/api/auth/refresh-token", body.clone()).await;
    expect_code(
        &answer,
        400,
        "FAILED_TO_REFRESH_ACCESS_TOKEN",
        "Failed to refresh access token",
    );
    let answer = browser
        .get("/api/auth/account-info?providerId=github")
        .await;
    expect_code(
        &answer,
        400,
        "FAILED_TO_GET_ACCESS_TOKEN",
        "Failed to get a valid access token",
    );
    // Without a refresh token, the expired access token is returned.
    stage
        .execute(r#"update account set "refreshToken" = null"#)
        .await;
    browser
        .post("/api/auth/get-access-token", body.clone())
        .await
        .expect(200);
    let answer = browser.post("/api/auth/refresh-token", body).await;
    expect_code(
        &answer,
        400,
        "REFRESH_TOKEN_NOT_FOUND",
        "Refresh token not found",
    );
}

#[testkit::test]
async fn tokens_are_refreshed_on_demand(db: PgPool) {
    let stage = Stage::new(db).await;
    let (person, mut browser) = signed_in(&stage, "github").await;
    let before = only_account(&stage).await;
    let token = stage.provider.refresh_token_for(&person, Service::GitHub);
    expire(&stage, &token, 3600).await;

    let answer = browser
        .post(
            "/api/auth/refresh-token",
            json!({ "accountId": before["id"] }),
        )
        .await
        .expect(200);

    let after = only_account(&stage).await;
    let body = answer.json();
    assert_ne!(after["accessToken"], before["accessToken"]);
    assert_ne!(after["refreshToken"], token);
    assert_eq!(
        body,
        json!({
            "accessToken": after["accessToken"], "refreshToken": after["refreshToken"],
            "accessTokenExpiresAt": body["accessTokenExpiresAt"],
            "refreshTokenExpiresAt": body["refreshTokenExpiresAt"],
            "scope": "read:user,user:email", "idToken": null, "providerId": "github", "accountId": before["id"],
        })
    );
    let request = stage
        .provider
        .received(Endpoint::GitHubToken)
        .pop()
        .unwrap();
    let mut names = request.field_names();
    names.sort_unstable();
    assert_eq!(
        names,
        ["client_id", "client_secret", "grant_type", "refresh_token"]
    );
}

#[testkit::test]
async fn an_account_of_an_unknown_provider_is_an_error(db: PgPool) {
    let stage = Stage::new(db).await;
    let (_, mut browser) = signed_in(&stage, "github").await;
    stage
        .execute(r#"update account set "providerId" = 'zzz', "refreshToken" = 'x'"#)
        .await;

    for path in ["get-access-token", "refresh-token"] {
        let body = json!({ "providerId": "zzz" });
        let answer = browser.post(&format!("/api/auth/{path}"), body).await;
        expect_code(
            &answer,
            400,
            "PROVIDER_NOT_SUPPORTED",
            "Provider zzz is not supported.",
        );
    }
}

#[testkit::test]
async fn account_info_is_fetched_from_github(db: PgPool) {
    let stage = Stage::new(db).await;
    let (person, mut browser) = signed_in(&stage, "github").await;
    let id = only_account(&stage).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/auth/account-info?accountId={id}");

    let body = browser.get(&path).await.expect(200).json();
    assert_eq!(
        body["user"],
        json!({
            "name": "Ada", "email": "ada@example.com", "emailVerified": true,
            "image": format!("{}/avatars/ada.svg", stage.provider.url()),
        })
    );
    assert_eq!(
        (&body["data"]["id"], &body["data"]["login"]),
        (&json!(person.id), &json!("ada"))
    );
    assert_eq!(
        body["account"],
        json!({ "id": id, "providerId": "github", "accountId": person.id.to_string() })
    );

    let nobody = json!({ "name": null, "login": null, "email": null, "avatar_url": null });
    for (endpoint, fault) in [
        (Endpoint::GitHubUser, Fault::Patch(nobody)),
        (Endpoint::GitHubEmails, Fault::Body(json!([]))),
    ] {
        stage.provider.fail(endpoint, fault);
    }
    let body = browser.get(&path).await.expect(200).json();
    assert_eq!(body["user"], json!({ "name": "", "emailVerified": false }));

    stage
        .provider
        .fail(Endpoint::GitHubUser, Fault::Status(401));
    let answer = browser.get(&path).await;
    expect_code(
        &answer,
        401,
        "FAILED_TO_GET_USER_INFO",
        "Failed to get user info",
    );
    stage
        .execute(r#"update account set "accessToken" = null"#)
        .await;
    let answer = browser.get(&path).await;
    expect_code(
        &answer,
        400,
        "ACCESS_TOKEN_NOT_FOUND",
        "Access token not found",
    );
}

#[testkit::test]
async fn account_info_is_read_from_googles_id_token(db: PgPool) {
    let stage = Stage::new(db).await;
    let (person, mut browser) = signed_in(&stage, "google").await;

    let body = browser
        .get("/api/auth/account-info?providerId=google")
        .await
        .expect(200)
        .json();
    assert_eq!(body["user"]["email"], "ada@example.com");
    assert_eq!(body["data"]["sub"], person.id.to_string());

    stage
        .execute(r#"update account set "idToken" = null"#)
        .await;
    let answer = browser
        .get("/api/auth/account-info?providerId=google")
        .await;
    expect_code(
        &answer,
        401,
        "FAILED_TO_GET_USER_INFO",
        "Failed to get user info",
    );
}

#[testkit::test]
async fn an_account_can_be_selected_by_the_providers_id(db: PgPool) {
    let stage = Stage::new(db).await;
    let (person, mut browser) = signed_in(&stage, "github").await;
    let row = only_account(&stage).await["id"].clone();
    let grace = stage.provider.register(Person::new("grace"));
    let mut stranger = stage.signed_in(&grace).await;

    let path = format!("/api/auth/account-info?accountId={}", person.id);
    let answer = browser.get(&path).await.expect(200);
    assert_eq!(answer.json()["account"]["id"], row);
    // Other endpoints accept only the id of the row. Accounts of other users are never found.
    let answer = stranger.get(&path).await;
    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    let body = json!({ "accountId": person.id.to_string() });
    let answer = browser.post("/api/auth/get-access-token", body).await;
    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
}
