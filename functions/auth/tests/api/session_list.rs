//! Lists of sessions, and their revocation.

use provider::Person;
use serde_json::json;
use shared::random;
use sqlx::PgPool;

use crate::{CLEARED, Stage, expect_code};

#[testkit::test]
async fn a_user_sees_their_own_active_sessions(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let grace = stage.provider.register(Person::new("grace"));
    let mut browser = stage.signed_in(&ada).await;
    stage.signed_in(&ada).await;
    stage.signed_in(&grace).await;
    let user = browser.session().await["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (age, by) in [("-1 second", "null"), ("1 day", "'admin'")] {
        stage
            .execute(&format!(
                r#"insert into session (id, token, "userId", "expiresAt", "updatedAt", "impersonatedBy")
                   values ('{0}', '{0}', '{user}', now() at time zone 'utc' + interval '{age}', now(), {by})"#,
                random::id()
            ))
            .await;
    }

    let answer = browser.get("/api/auth/list-sessions").await.expect(200);

    let sessions = answer.json();
    let own = browser.session().await["session"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    assert!(sessions.as_array().unwrap().contains(&own));
}

#[testkit::test]
async fn the_list_needs_a_fresh_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;

    for (age, fresh) in [(86_390, true), (86_401, false)] {
        stage
            .execute(&format!(
                r#"update session set "createdAt" = now() at time zone 'utc' - interval '{age} seconds'"#
            ))
            .await;
        let answer = browser.get("/api/auth/list-sessions").await;
        if fresh {
            answer.expect(200);
        } else {
            expect_code(&answer, 403, "SESSION_NOT_FRESH", "Session is not fresh");
        }
    }
    // Revoking sessions does not require a fresh one.
    browser
        .post("/api/auth/revoke-other-sessions", json!({}))
        .await
        .expect(200);
}

#[testkit::test]
async fn a_user_revokes_only_their_own_sessions(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let grace = stage.provider.register(Person::new("grace"));
    let mut browser = stage.signed_in(&ada).await;
    let mut second = stage.signed_in(&ada).await;
    let mut stranger = stage.signed_in(&grace).await;
    let token =
        async |browser: &mut crate::Browser| browser.session().await["session"]["token"].clone();

    for token in [token(&mut stranger).await, json!("unknown")] {
        let answer = browser
            .post("/api/auth/revoke-session", json!({ "token": token }))
            .await
            .expect(200);
        assert_eq!(answer.text(), r#"{"status":true}"#);
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(stage.count("session").await, 3);

    let body = json!({ "token": token(&mut second).await });
    let answer = browser
        .post("/api/auth/revoke-session", body)
        .await
        .expect(200);
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(stage.count("session").await, 2);

    let body = json!({ "token": token(&mut browser).await });
    let answer = browser
        .post("/api/auth/revoke-session", body)
        .await
        .expect(200);
    assert_eq!(answer.header_all("set-cookie"), CLEARED);
    assert_eq!(stage.count("session").await, 1);
}

#[testkit::test]
async fn all_sessions_or_all_others_can_be_revoked(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let grace = stage.provider.register(Person::new("grace"));
    stage.signed_in(&grace).await;
    stage.signed_in(&ada).await;
    stage.signed_in(&ada).await;
    let mut browser = stage.signed_in(&ada).await;

    let answer = browser
        .post("/api/auth/revoke-other-sessions", json!({}))
        .await
        .expect(200);
    assert_eq!(answer.text(), r#"{"status":true}"#);
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(stage.count("session").await, 2);
    assert_eq!(browser.session().await["user"]["name"], "Ada");

    stage.signed_in(&ada).await;
    let answer = browser
        .caller()
        .send(axum::http::Method::POST, "/api/auth/revoke-sessions", None)
        .await
        .expect(200);
    assert_eq!(answer.text(), r#"{"status":true}"#);
    assert_eq!(answer.header_all("set-cookie"), CLEARED);
    assert_eq!(stage.count("session").await, 1);
}

#[testkit::test]
async fn session_endpoints_require_a_session(db: PgPool) {
    let stage = Stage::new(db).await;

    for (path, body) in [
        ("revoke-session", json!({ "token": "x" })),
        ("revoke-sessions", json!({})),
        ("revoke-other-sessions", json!({})),
    ] {
        let answer = stage
            .app
            .anyone()
            .post(&format!("/api/auth/{path}"), body)
            .await;
        expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = stage.app.anyone().get("/api/auth/list-sessions").await;
    expect_code(&answer, 401, "UNAUTHORIZED", "Unauthorized");
}

#[testkit::test]
async fn signing_out_deletes_the_row_and_clears_the_cookies(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;

    let answer = browser
        .post("/api/auth/sign-out", json!({}))
        .await
        .expect(200);
    assert_eq!(answer.text(), r#"{"success":true}"#);
    assert_eq!(answer.header_all("set-cookie"), CLEARED);
    assert_eq!(stage.count("session").await, 0);

    let answer = stage
        .app
        .anyone()
        .post("/api/auth/sign-out", json!({}))
        .await;
    assert_eq!(answer.clone().expect(200).text(), r#"{"success":true}"#);
    assert_eq!(answer.header_all("set-cookie"), CLEARED);
}

#[testkit::test]
async fn a_forged_token_signs_no_user_out(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.signed_in(&ada).await;
    let token = browser.session().await["session"]["token"].clone();
    let cookie = format!("better-auth.session_token={}", token.as_str().unwrap());

    let caller = stage.app.anyone().header("origin", crate::FRONTEND);
    caller
        .header("cookie", &cookie)
        .post("/api/auth/sign-out", json!({}))
        .await
        .expect(200);

    assert_eq!(stage.count("session").await, 1);
}
