//! Requests without a database.

use std::time::{Duration, Instant};

use serde_json::json;
use shared::random;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{Stage, app};

/// Returns a pool whose connections fail.
fn nowhere() -> PgPool {
    PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(1))
        .connect_lazy("postgres://nobody@127.0.0.1:1/nothing")
        .unwrap()
}

#[tokio::test]
async fn endpoints_that_need_the_database_return_503() {
    let app = app(
        nowhere(),
        &[
            ("AUTH_RATE_LIMIT", "on"),
            ("GITHUB_CLIENT_ID", "x"),
            ("GITHUB_CLIENT_SECRET", "x"),
        ],
    );
    let signed_in = app
        .with_token("", &random::id())
        .header("origin", crate::FRONTEND);

    for answer in [
        signed_in.get("/api/auth/get-session").await,
        signed_in.post("/api/auth/sign-out", json!({})).await,
        app.anyone()
            .post("/api/auth/sign-in/social", json!({ "provider": "github" }))
            .await,
        app.anyone().get("/api/auth/callback/github?state=x").await,
    ] {
        assert_eq!(answer.status.as_u16(), 503, "{answer:?}");
        assert_ne!(answer.header("retry-after"), "");
        assert_eq!(answer.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn endpoints_without_a_database_are_served() {
    let app = app(nowhere(), &[("AUTH_RATE_LIMIT", "on")]);
    let started = Instant::now();

    app.anyone().get("/api/auth/ok").await.expect(200);
    let answer = app.anyone().get("/api/auth/get-session").await.expect(200);

    assert_eq!(answer.text(), "null");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[testkit::test]
async fn a_missing_table_is_an_internal_error(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.execute("drop table session").await;

    let answer = stage
        .app
        .with_token("", &random::id())
        .get("/api/auth/get-session")
        .await;

    assert_eq!(answer.status.as_u16(), 500);
    assert!(!answer.text().contains("session"), "{answer:?}");
}
