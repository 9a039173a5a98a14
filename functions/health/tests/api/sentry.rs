//! `/sentry-test`, `/sentry-error`.

use serde_json::json;
use sqlx::PgPool;

use crate::{app, app_without_database};

#[tokio::test]
async fn the_test_route_returns_a_plain_string() {
    let answer = app_without_database(&[])
        .anyone()
        .get("/sentry-test")
        .await
        .expect(200);

    assert_eq!(
        answer.text(),
        "Sentry test completed - check your Sentry dashboard!"
    );
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn the_error_route_is_an_internal_error() {
    let answer = app_without_database(&[])
        .anyone()
        .get("/sentry-error")
        .await
        .expect(500);

    assert_eq!(
        answer.json(),
        json!({"statusCode": 500, "message": "Internal server error"})
    );
}

#[tokio::test]
async fn both_can_be_switched_off() {
    let app = app_without_database(&[("SENTRY_TEST_ROUTES", "off")]);
    for path in ["/sentry-test", "/sentry-error"] {
        app.anyone()
            .get(path)
            .await
            .expect_error(404, &[&format!("Cannot GET {path}")]);
    }
}

#[testkit::test]
async fn both_are_limited_by_address(db: PgPool) {
    let app = app(db, &[("RATE_LIMITS", "real")]);
    let anyone = app.anyone();
    for _ in 0..5 {
        let answer = anyone.get("/sentry-test").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"sentry\";q=5;w=60");
    }

    let refused = anyone.get("/sentry-error").await.expect(429);
    assert_ne!(refused.header("retry-after"), "");

    let elsewhere = app.anyone().from_address("192.0.2.9");
    elsewhere.get("/sentry-test").await.expect(200);
    anyone.get("/health").await.expect(200);
}
