//! Limits of bodies and of stored texts.

use std::time::{Duration, Instant};

use axum::http::Method;
use provider::Person;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use testing::Answer;

use crate::{Stage, admin::act, send};

const START: &str = "/api/auth/sign-in/social";
const MAX_REFUSAL: usize = 16 * 1024;

/// Checks that a body is rejected as invalid, in a short response.
#[track_caller]
fn expect_invalid(answer: &Answer, what: &str) {
    assert_eq!(answer.status.as_u16(), 400, "{what}: {answer:?}");
    assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{what}");
    assert!(answer.body.len() <= MAX_REFUSAL, "{what}");
}

fn many(count: usize, value: &Value) -> Map<String, Value> {
    (0..count)
        .map(|index| (format!("property-{index}"), value.clone()))
        .collect()
}

#[testkit::test]
async fn the_work_for_a_body_is_bounded(db: PgPool) {
    let stage = Stage::new(db).await;
    let anyone = stage.app.anyone();

    for (what, path, body) in [
        ("properties", START, Value::Object(many(30_000, &json!(1)))),
        (
            "additionalParams",
            START,
            json!({ "provider": "github", "additionalParams": many(30_000, &json!("x")) }),
        ),
        (
            "wrong additionalParams",
            START,
            json!({ "provider": "github", "additionalParams": many(30_000, &json!(1)) }),
        ),
        (
            "wrong scopes",
            START,
            json!({ "provider": "github", "scopes": vec![1; 300_000] }),
        ),
        (
            "additionalData",
            START,
            json!({ "provider": "github", "additionalData": { "x": vec![1; 300_000] } }),
        ),
        (
            "name",
            "/api/auth/update-user",
            json!({ "name": "A".repeat(1_000_000) }),
        ),
        (
            "permissions",
            "/api/auth/admin/has-permission",
            json!({ "permissions": many(30_000, &json!(["x"])) }),
        ),
    ] {
        let start = Instant::now();
        let answer = anyone.post(path, body).await;
        expect_invalid(&answer, what);
        // The limit allows for a debug build on a busy machine. Without limits on bodies these requests take minutes.
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
    }
    let form = "a=1&".repeat(200_000);
    let media_type = "application/x-www-form-urlencoded";
    let path = "/api/auth/callback/github";
    let answer = send(&anyone, Method::POST, path, media_type, form.as_bytes()).await;
    expect_invalid(&answer, "form");
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn error_responses_are_short(db: PgPool) {
    let stage = Stage::new(db).await;
    let anyone = stage.app.anyone();

    // Each property gets a message, and JSON escapes each character of its name to six.
    let names = (0..100).map(|index| (format!("{index}{}", "\u{1}".repeat(900)), json!(1)));
    let names: Map<String, Value> = names.collect();
    for body in [
        json!({ "provider": 1, "scopes": vec![1; 50], "additionalParams": many(20, &json!(1)) }),
        json!({ "provider": "github", "additionalParams": names }),
        json!({ "provider": "github", "scopes": vec!["\"".repeat(300); 50] }),
    ] {
        let answer = anyone.post(START, body).await;
        expect_invalid(&answer, "many messages");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.matches("; ").count() < 50);
    }
    let content_type = format!("text/{}", "x".repeat(60_000));
    let answer = send(&anyone, Method::POST, START, &content_type, b"x").await;
    assert_eq!(answer.status.as_u16(), 415);
    assert!(answer.body.len() <= MAX_REFUSAL);
}

/// A field, its limit, and a function that makes a value of a given length.
type Case<'v> = (&'static str, usize, &'v dyn Fn(usize) -> Value);

#[testkit::test]
async fn the_options_of_a_flow_have_limits(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.person("ada").await;

    let address = |length: usize| json!(format!("/{}", "x".repeat(length - 1)));
    let data = |length: usize| json!({ "x": "x".repeat(length - 8) });
    let cases: [Case<'_>; 8] = [
        ("callbackURL", 2048, &address),
        ("errorCallbackURL", 2048, &address),
        ("newUserCallbackURL", 2048, &address),
        ("redirectTo", 2048, &address),
        ("loginHint", 320, &|length| json!("é".repeat(length))),
        ("additionalData", 4096, &data),
        ("scopes", 50, &|length| json!(vec!["x"; length])),
        ("additionalParams", 20, &|length| {
            Value::Object(many(length, &json!("x")))
        }),
    ];
    for (name, limit, value) in cases {
        for path in [START, "/api/auth/link-social"] {
            let start = async |length: usize| {
                let body = json!({ "provider": "github", name: value(length) });
                ada.post(path, body).await
            };
            start(limit).await.expect(200);
            expect_invalid(&start(limit + 1).await, name);
        }
    }
    // The limit also holds where the endpoint ignores the address.
    let answer = ada
        .post(
            "/api/auth/sign-out",
            json!({ "callbackURL": address(2049) }),
        )
        .await;
    expect_invalid(&answer, "sign-out");
    let path = format!("/api/auth/sign-out?callbackURL=/{}", "x".repeat(2048));
    expect_invalid(&ada.post(&path, json!({})).await, "query");
}

#[testkit::test]
async fn tokens_of_clients_have_limits(db: PgPool) {
    let stage = Stage::new(db).await;
    for field in ["token", "nonce", "accessToken", "refreshToken"] {
        let mut token = json!({ "token": "x" });
        token[field] = json!("x".repeat(8193));
        let body = json!({ "provider": "google", "idToken": token });
        expect_invalid(&stage.app.anyone().post(START, body).await, field);
    }
}

#[testkit::test]
async fn stored_texts_of_admins_and_owners_have_limits(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;

    for (action, body) in [
        (
            "ban-user",
            json!({ "userId": bob.id, "banReason": "x".repeat(501) }),
        ),
        (
            "update-user",
            json!({ "userId": bob.id, "data": { "banReason": "x".repeat(501) } }),
        ),
        (
            "set-role",
            json!({ "userId": bob.id, "role": "x".repeat(256) }),
        ),
        (
            "set-role",
            json!({ "userId": bob.id, "role": vec!["x"; 200] }),
        ),
        (
            "create-user",
            json!({ "email": "x@y.example", "name": "x".repeat(256) }),
        ),
    ] {
        expect_invalid(&act(&ada, action, body).await, action);
    }
    let email = format!("{}@y.example", "x".repeat(320));
    let body = json!({ "email": email, "name": "X" });
    let answer = act(&ada, "create-user", body).await.expect(400);
    assert_eq!(answer.json()["code"], "INVALID_EMAIL");

    let metadata = json!({ "x": "x".repeat(4089) });
    for path in ["/api/auth/api-key/create", "/api/auth/api-key/update"] {
        let body = json!({ "keyId": "x", "metadata": metadata });
        expect_invalid(&bob.post(path, body).await, path);
    }
    assert_eq!(stage.count("apikey").await, 0);
}

#[testkit::test]
async fn a_long_user_agent_is_truncated(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &ada);
    let path = callback.strip_prefix("http://localhost:3001").unwrap();

    let caller = browser.caller().header("user-agent", &"x".repeat(8000));
    caller.get(path).await.expect(302);

    let row = stage
        .row(r#"select length("userAgent") from session"#)
        .await;
    assert_eq!(row["length"], 512);
}

#[testkit::test]
async fn parameters_of_callbacks_have_limits(db: PgPool) {
    let stage = Stage::new(db).await;
    let body = json!({ "code": "x".repeat(2049) });

    let answer = stage
        .app
        .anyone()
        .post("/api/auth/callback/github", body)
        .await;

    expect_invalid(&answer, "code");
}

#[testkit::test]
async fn the_number_of_cleared_cookies_is_bounded(db: PgPool) {
    let stage = Stage::new(db).await;
    let cookies: Vec<String> = (0..2000)
        .map(|index| format!("better-auth.session_data.{index}=x"))
        .collect();

    let caller = stage.app.anyone().header("cookie", &cookies.join("; "));
    let answer = caller.get("/api/auth/get-session").await.expect(200);

    assert_eq!(answer.header_all("set-cookie").len(), 10);
}
