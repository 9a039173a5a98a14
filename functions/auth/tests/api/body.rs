//! Malformed bodies and fields.

use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, expect_code, send};

const START: &str = "/api/auth/sign-in/social";

#[testkit::test]
async fn other_content_types_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let anyone = stage.app.anyone();

    for (content_type, path) in [
        ("application/x-www-form-urlencoded", START),
        ("text/plain", "/api/auth/sign-out"),
        ("multipart/form-data; boundary=x", START),
    ] {
        let answer = send(&anyone, Method::POST, path, content_type, b"a=b").await;
        expect_code(
            &answer,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            &format!(
                "Content-Type \"{content_type}\" is not allowed. Allowed types: application/json"
            ),
        );
    }
    let answer = send(
        &anyone,
        Method::POST,
        START,
        "Application/JSON; charset=utf-8",
        br#"{"provider":"github"}"#,
    )
    .await;
    answer.expect(200);
}

#[testkit::test]
async fn malformed_json_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let deep = "[".repeat(100_000);

    for body in [
        &b"{"[..],
        b"{\"provider\":\"git\xffhub\"}",
        b"nonsense",
        deep.as_bytes(),
    ] {
        for path in [START, "/api/auth/sign-out", "/api/auth/callback/github"] {
            let answer = send(
                &stage.app.anyone(),
                Method::POST,
                path,
                "application/json",
                body,
            )
            .await;
            expect_code(&answer, 400, "BAD_REQUEST", "Invalid JSON in request body");
        }
    }
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn bodies_over_the_limit_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let body = json!({ "provider": "github", "loginHint": "x".repeat(2 << 20) });

    let answer = stage.app.anyone().post(START, body).await;

    expect_code(
        &answer,
        413,
        "PAYLOAD_TOO_LARGE",
        "Request body is too large",
    );
}

#[testkit::test]
async fn a_body_without_a_content_type_is_ignored(db: PgPool) {
    let stage = Stage::new(db).await;

    let answer = send(&stage.app.anyone(), Method::POST, START, "", b"{broken").await;
    expect_code(
        &answer,
        400,
        "VALIDATION_ERROR",
        "[body] Invalid input: expected object, received undefined",
    );
    let answer = send(
        &stage.app.anyone(),
        Method::POST,
        "/api/auth/sign-out",
        "",
        b"{broken",
    )
    .await;
    answer.expect(200);
}

#[testkit::test]
async fn errors_of_types_are_reported_in_the_order_of_the_schema(db: PgPool) {
    let stage = Stage::new(db).await;
    let anyone = stage.app.anyone();

    for (path, body, message) in [
        (
            START,
            json!({ "provider": "github", "disableRedirect": "yes", "scopes": "repo" }),
            "[body.disableRedirect] Invalid input: expected boolean, received string; \
             [body.scopes] Invalid input: expected array, received string",
        ),
        (START, json!({}), "[body.provider] Invalid input"),
        (
            START,
            json!({ "provider": 5 }),
            "[body.provider] Invalid input",
        ),
        (
            START,
            json!([]),
            "[body] Invalid input: expected object, received array",
        ),
        (
            START,
            json!(null),
            "[body] Invalid input: expected object, received null",
        ),
        (
            START,
            json!({ "provider": "github", "scopes": ["a", 1] }),
            "[body.scopes.1] Invalid input: expected string, received number",
        ),
        (
            START,
            json!({ "provider": "google", "idToken": {} }),
            "[body.idToken.token] Invalid input: expected string, received undefined",
        ),
        (
            START,
            json!({ "provider": "github", "callbackURL": null }),
            "[body.callbackURL] Invalid input: expected string, received null",
        ),
        (
            START,
            json!({ "provider": "github", "additionalParams": { "state": "x" } }),
            "[body.additionalParams] additionalParams cannot include reserved OAuth parameters: state, \
             client_id, redirect_uri, response_type, code_challenge, code_challenge_method, nonce, scope",
        ),
        (
            START,
            json!({ "provider": "github", "additionalData": [] }),
            "[body.additionalData] Invalid input: expected record, received array",
        ),
        (
            "/api/auth/revoke-session",
            json!({}),
            "[body.token] Invalid input: expected string, received undefined",
        ),
        (
            "/api/auth/revoke-session",
            json!({ "token": "a\0b" }),
            "[body.token] Invalid input: expected string without U+0000",
        ),
        (
            "/api/auth/update-user",
            json!({ "name": "a\0b", "image": 5 }),
            "[body.name] Invalid input: expected string without U+0000; \
             [body.image] Invalid input: expected string, received number",
        ),
        (
            "/api/auth/sign-out",
            json!("x"),
            "[body] Invalid input: expected object, received string",
        ),
        (
            "/api/auth/update-user",
            json!([]),
            "[body] Invalid input: expected record, received array",
        ),
        (
            "/api/auth/update-session",
            json!(null),
            "[body] Invalid input: expected record, received null",
        ),
        (
            "/api/auth/refresh-token",
            json!("x"),
            "[body] Invalid input",
        ),
        (
            "/api/auth/link-social",
            json!({
                "provider": "google", "errorCallbackURL": null, "scopes": 1, "requestSignUp": 1, "newUserCallbackURL": null,
                "idToken": { "nonce": 1, "expiresAt": "x", "user": "x" },
            }),
            "[body.idToken.token] Invalid input: expected string, received undefined; \
             [body.idToken.nonce] Invalid input: expected string, received number; \
             [body.requestSignUp] Invalid input: expected boolean, received number; \
             [body.scopes] Invalid input: expected array, received number; \
             [body.errorCallbackURL] Invalid input: expected string, received null",
        ),
        (
            "/api/auth/unlink-account",
            json!({ "accountId": "\0" }),
            "[body.accountId] Invalid input: expected string without U+0000",
        ),
        (
            "/api/auth/get-access-token",
            json!({ "accountId": "\0" }),
            "[body] Invalid input",
        ),
    ] {
        let answer = anyone.post(path, body).await;
        expect_code(&answer, 400, "VALIDATION_ERROR", message);
    }
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn a_nul_in_client_data_causes_no_server_error(db: PgPool) {
    let stage = Stage::new(db).await;

    let body = json!({
        "provider": "github", "loginHint": "a\0b", "scopes": ["\0"], "additionalData": { "x\0": "\0" },
    });
    let answer = stage.app.anyone().post(START, body).await;

    assert!(answer.status.as_u16() < 500, "{answer:?}");
    let answer = stage
        .app
        .anyone()
        .get("/api/auth/callback/github?state=%00&code=%00&error=%00")
        .await;
    crate::expect_redirect(
        &answer,
        "http://localhost:3001/api/auth/error?error=state_mismatch",
    );
    let answer = stage
        .app
        .anyone()
        .get("/api/auth/account-info?accountId=%00")
        .await;
    expect_code(&answer, 400, "VALIDATION_ERROR", "[query] Invalid input");
}
