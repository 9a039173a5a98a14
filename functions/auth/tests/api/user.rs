//! `update-user`, and endpoints that are switched off.

use provider::Person;
use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, expect_code};

const UPDATE: &str = "/api/auth/update-user";

#[testkit::test]
async fn name_and_image_can_be_changed(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let cookie = browser
        .cookie("better-auth.session_token")
        .unwrap()
        .to_owned();

    let answer = browser
        .post(
            UPDATE,
            json!({ "name": "Countess", "unknown": 1, "id": "x", "createdAt": "x" }),
        )
        .await
        .expect(200);
    assert_eq!(answer.text(), r#"{"status":true}"#);
    assert_eq!(
        answer.header_all("set-cookie"),
        [format!(
            "better-auth.session_token={cookie}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
        )]
    );
    let user = browser.session().await["user"].clone();
    assert_eq!(user["name"], "Countess");
    assert_ne!(user["image"], json!(null));
    assert!(user["updatedAt"].as_str() > user["createdAt"].as_str());

    browser
        .post(UPDATE, json!({ "image": null }))
        .await
        .expect(200);
    let user = browser.session().await["user"].clone();
    assert_eq!(
        (&user["name"], &user["image"]),
        (&json!("Countess"), &json!(null))
    );
    browser
        .post(UPDATE, json!({ "image": "https://pictures.example.com/1" }))
        .await
        .expect(200);
    assert_eq!(
        browser.session().await["user"]["image"],
        "https://pictures.example.com/1"
    );
}

#[testkit::test]
async fn an_update_keeps_the_cookie_dont_remember(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let remember = stage.app.state.config.cookies.sign("true");
    browser
        .cookies
        .push(("better-auth.dont_remember".to_owned(), remember.clone()));
    let token = browser
        .cookie("better-auth.session_token")
        .unwrap()
        .to_owned();

    let answer = browser
        .post(UPDATE, json!({ "name": "x" }))
        .await
        .expect(200);

    assert_eq!(
        answer.header_all("set-cookie"),
        [
            format!("better-auth.session_token={token}; Path=/; HttpOnly; SameSite=Lax"),
            format!("better-auth.dont_remember={remember}; Path=/; HttpOnly; SameSite=Lax"),
        ]
    );
}

#[testkit::test]
async fn other_fields_cannot_be_changed(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let before = browser.session().await;

    let answer = browser
        .post(UPDATE, json!({ "name": "x", "email": "x@example.com" }))
        .await;
    expect_code(
        &answer,
        400,
        "EMAIL_CAN_NOT_BE_UPDATED",
        "Email can not be updated",
    );
    for name in ["role", "banned", "banReason", "banExpires"] {
        let answer = browser
            .post(UPDATE, json!({ "name": "x", name: "admin" }))
            .await;
        let message = format!("{name} is not allowed to be set");
        expect_code(&answer, 400, "FIELD_NOT_ALLOWED", &message);
    }
    for body in [
        json!({}),
        json!({ "isPro": true, "emailVerified": true, "email": "" }),
    ] {
        let answer = browser.post(UPDATE, body.clone()).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": "No fields to update" }));
        let answer = browser
            .post("/api/auth/update-session", body)
            .await
            .expect(400);
        assert_eq!(answer.json(), json!({ "message": "No fields to update" }));
    }
    for body in [json!([]), json!("x"), json!(null)] {
        browser.post(UPDATE, body.clone()).await.expect(400);
        browser
            .post("/api/auth/update-session", body)
            .await
            .expect(400);
    }
    assert_eq!(browser.session().await, before);
}

#[testkit::test]
async fn a_users_own_endpoints_need_a_session(db: PgPool) {
    let stage = Stage::new(db).await;

    for (path, body) in [
        ("update-user", json!({ "name": "x" })),
        ("update-session", json!({ "a": 1 })),
        ("delete-user", json!({})),
        ("change-email", json!({ "newEmail": "x@example.com" })),
        (
            "change-password",
            json!({ "newPassword": "12345678", "currentPassword": "x" }),
        ),
    ] {
        let answer = stage
            .app
            .anyone()
            .post(&format!("/api/auth/{path}"), body)
            .await;
        expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
    }
}

#[testkit::test]
async fn delete_user_is_off(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;

    let answer = browser
        .post("/api/auth/delete-user", json!({}))
        .await
        .expect(404);

    assert!(answer.body.is_empty());
    assert_eq!(stage.count(r#""user""#).await, 1);
}

#[testkit::test]
async fn endpoints_for_passwords_and_mail_are_off(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let mail = "x@example.com";

    for (path, body, code, message) in [
        (
            "sign-in/email",
            json!({ "email": mail, "password": "12345678" }),
            "EMAIL_PASSWORD_DISABLED",
            "Email and password is not enabled",
        ),
        (
            "sign-up/email",
            json!({ "name": "x", "email": mail, "password": "12345678" }),
            "EMAIL_PASSWORD_SIGN_UP_DISABLED",
            "Email and password sign up is not enabled",
        ),
        (
            "request-password-reset",
            json!({ "email": mail }),
            "RESET_PASSWORD_DISABLED",
            "Reset password isn't enabled",
        ),
        (
            "send-verification-email",
            json!({ "email": mail }),
            "VERIFICATION_EMAIL_NOT_ENABLED",
            "Verification email isn't enabled",
        ),
        (
            "change-email",
            json!({ "newEmail": mail }),
            "CHANGE_EMAIL_DISABLED",
            "Change email is disabled",
        ),
        (
            "change-password",
            json!({ "newPassword": "12345678", "currentPassword": "12345678" }),
            "CREDENTIAL_ACCOUNT_NOT_FOUND",
            "Credential account not found",
        ),
    ] {
        let path = format!("/api/auth/{path}");
        let answer = browser.post(&path, body).await;
        expect_code(&answer, 400, code, message);
        let answer = browser.post(&path, json!({})).await;
        assert_eq!(answer.json()["code"], "VALIDATION_ERROR");
    }
    let no_password = json!({ "name": "x", "email": mail, "password": "" });
    let answer = browser.post("/api/auth/sign-up/email", no_password).await;
    expect_code(
        &answer,
        400,
        "VALIDATION_ERROR",
        "[body.password] Too small: expected string to have >=1 characters",
    );
    for (password, code, message) in [
        (
            "1234567".to_owned(),
            "PASSWORD_TOO_SHORT",
            "Password too short",
        ),
        ("x".repeat(129), "PASSWORD_TOO_LONG", "Password too long"),
    ] {
        let body = json!({ "newPassword": password, "currentPassword": "12345678" });
        let answer = browser.post("/api/auth/change-password", body).await;
        expect_code(&answer, 400, code, message);
    }
    for (path, field) in [
        ("request-password-reset", "email"),
        ("send-verification-email", "email"),
        ("change-email", "newEmail"),
    ] {
        let answer = browser
            .post(&format!("/api/auth/{path}"), json!({ field: "nobody" }))
            .await;
        let message = format!("[body.{field}] Invalid email address");
        expect_code(&answer, 400, "VALIDATION_ERROR", &message);
    }
}
