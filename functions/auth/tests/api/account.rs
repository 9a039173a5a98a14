//! Linked accounts: the list, and unlinking.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Browser, Stage, expect_code};

const UNLINK: &str = "/api/auth/unlink-account";

/// Signs a user in through GitHub and then through Google, so that the user has two accounts.
async fn with_both(stage: &Stage) -> Browser {
    let ada = stage.provider.register(Person::new("ada"));
    stage.signed_in(&ada).await;
    let mut browser = stage.browser();
    browser.sign_in(&stage.provider, "google", &ada).await;
    browser
}

async fn accounts(browser: &mut Browser) -> Vec<Value> {
    let answer = browser.get("/api/auth/list-accounts").await.expect(200);
    answer.json().as_array().unwrap().clone()
}

#[testkit::test]
async fn accounts_are_listed_without_their_tokens(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;

    let answer = browser.get("/api/auth/list-accounts").await.expect(200);

    let row = stage
        .row(
            r#"select id, "userId", to_char("createdAt", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as made from account"#,
        )
        .await;
    assert_eq!(
        answer.text(),
        format!(
            r#"[{{"accountId":"{}","providerId":"github","userId":{},"createdAt":{made},"updatedAt":{made},"id":{},"scopes":["read:user","user:email"]}}]"#,
            ada.id,
            row["userId"],
            row["id"],
            made = row["made"],
        )
    );
    stage.execute("update account set scope = null").await;
    assert_eq!(accounts(&mut browser).await[0]["scopes"], json!([]));
}

#[testkit::test]
async fn account_endpoints_require_a_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let anyone = stage.app.anyone();

    let answer = anyone.get("/api/auth/list-accounts").await;
    expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
    for (path, body) in [
        ("link-social", json!({ "provider": "github" })),
        ("unlink-account", json!({ "accountId": "x" })),
    ] {
        let answer = anyone.post(&format!("/api/auth/{path}"), body).await;
        expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
    }
    for path in ["get-access-token", "refresh-token"] {
        let body = json!({ "accountId": "x" });
        let answer = anyone
            .post(&format!("/api/auth/{path}"), body)
            .await
            .expect(401);
        assert!(answer.body.is_empty());
    }
    let answer = anyone
        .get("/api/auth/account-info?accountId=x")
        .await
        .expect(401);
    assert!(answer.body.is_empty());
}

#[testkit::test]
async fn one_of_two_accounts_can_be_unlinked(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut browser = with_both(&stage).await;
    let listed = accounts(&mut browser).await;
    assert_eq!(listed.len(), 2);

    let answer = browser
        .post(UNLINK, json!({ "accountId": "unknown" }))
        .await;
    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    let answer = browser
        .post(UNLINK, json!({ "accountId": listed[0]["id"] }))
        .await
        .expect(200);
    assert_eq!(answer.text(), r#"{"status":true}"#);

    // The last account cannot be unlinked, whatever id the request names.
    for id in [&listed[1]["id"], &json!("unknown")] {
        let answer = browser.post(UNLINK, json!({ "accountId": id })).await;
        expect_code(
            &answer,
            400,
            "FAILED_TO_UNLINK_LAST_ACCOUNT",
            "You can't unlink your last account",
        );
    }
    assert_eq!(accounts(&mut browser).await, [listed[1].clone()]);
}

#[testkit::test]
async fn an_account_can_be_selected_by_provider(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut browser = with_both(&stage).await;

    let body = json!({ "providerId": "google", "accountId": "not mine" });
    let answer = browser.post(UNLINK, body).await;
    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    let google = json!({ "providerId": "google", "accountId": accounts(&mut browser).await[1]["accountId"] });
    browser.post(UNLINK, google).await.expect(200);
    assert_eq!(accounts(&mut browser).await[0]["providerId"], "github");
}

#[testkit::test]
async fn the_account_of_another_user_cannot_be_unlinked(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut browser = with_both(&stage).await;
    let grace = stage.provider.register(Person::new("grace"));
    let mut stranger = stage.signed_in(&grace).await;
    let hers = accounts(&mut stranger).await[0]["id"].clone();

    let answer = browser.post(UNLINK, json!({ "accountId": hers })).await;

    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    assert_eq!(stage.count("account").await, 3);
}

#[testkit::test]
async fn unlinking_needs_a_fresh_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut browser = with_both(&stage).await;
    stage
        .execute(r#"update session set "createdAt" = "createdAt" - interval '1 day'"#)
        .await;

    let answer = browser.post(UNLINK, json!({ "accountId": "x" })).await;

    expect_code(&answer, 403, "SESSION_NOT_FRESH", "Session is not fresh");
}

#[testkit::test]
async fn the_last_account_that_can_sign_in_cannot_be_unlinked(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    stage
        .execute(
            r#"insert into account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")
               select 'c', id, 'credential', id, 'x', now() + interval '1 hour', now() from "user""#,
        )
        .await;
    let github = accounts(&mut browser).await[0]["id"].clone();

    for selector in [
        json!({ "accountId": github }),
        json!({ "providerId": "github" }),
    ] {
        let answer = browser.post(UNLINK, selector).await;
        expect_code(
            &answer,
            400,
            "FAILED_TO_UNLINK_LAST_ACCOUNT",
            "You can't unlink your last account",
        );
    }
    let answer = browser
        .post(UNLINK, json!({ "accountId": "unknown" }))
        .await;
    expect_code(&answer, 400, "ACCOUNT_NOT_FOUND", "Account not found");
    // Password sign-in is off, so the credential account may be unlinked.
    browser
        .post(UNLINK, json!({ "accountId": "c" }))
        .await
        .expect(200);
    assert_eq!(accounts(&mut browser).await[0]["id"], github);
}
