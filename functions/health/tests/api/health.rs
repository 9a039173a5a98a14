//! `/health`, `/health/live`, `/health/ready`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use shared::db::measured;
use sqlx::PgPool;
use testing::Answer;
use testkit::timing::within;

use crate::{
    app, app_without_database,
    servers::{meilisearch, redis, serve, silent},
};

/// Returns the body without its timestamp, after checking the format of the timestamp.
fn without_timestamp(answer: &Answer) -> serde_json::Value {
    let mut json = answer.json();
    let timestamp = json.as_object_mut().unwrap().remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    json
}

#[tokio::test]
async fn health_has_two_keys_and_needs_no_database() {
    let app = app_without_database(&[]);

    let answer = app.anyone().get("/health").await.expect(200);

    assert_eq!(without_timestamp(&answer), json!({"status": "ok"}));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("ratelimit"), "");
}

#[tokio::test]
async fn live_needs_no_database() {
    let app = app_without_database(&[]);
    let answer = app.anyone().get("/health/live").await.expect(200);
    assert_eq!(without_timestamp(&answer), json!({"status": "alive"}));
}

#[testkit::test]
async fn ready_while_the_database_responds(db: PgPool) {
    let answer = app(db, &[]).anyone().get("/health/ready").await.expect(200);

    assert_eq!(
        without_timestamp(&answer),
        json!({
            "status": "ready",
            "ready": true,
            "checks": {"database": true, "replicas": {"healthy": 0, "total": 0}},
        })
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[testkit::test]
async fn readiness_is_cached_for_a_second(db: PgPool) {
    let app = app(db, &[]);
    app.anyone().get("/health/ready").await.expect(200);

    let anyone = app.anyone();
    let requests = (0..20).map(|_| anyone.get("/health/ready"));
    let (_, usage) = measured(join_all(requests)).await;
    assert_eq!(usage.statements, 0);

    app.lose_database();
    app.anyone().get("/health/ready").await.expect(200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    app.anyone().get("/health/ready").await.expect(503);
}

#[tokio::test]
async fn without_a_database_not_ready_is_reported_within_two_seconds() {
    within(Duration::from_secs(2), async || {
        let started = Instant::now();
        let answer = app_without_database(&[])
            .anyone()
            .get("/health/ready")
            .await
            .expect(503);
        let took = started.elapsed();
        assert_eq!(
            without_timestamp(&answer),
            json!({
                "status": "not ready",
                "ready": false,
                "checks": {"database": false, "replicas": {"healthy": 0, "total": 0}},
            })
        );
        took
    })
    .await;
}

#[testkit::test]
async fn healthy_replicas_are_counted(db: PgPool) {
    let options = db.connect_options();
    let good = format!(
        "postgres://{}@{}:{}/{}",
        options.get_username(),
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap()
    );
    let app = app(
        db,
        &[
            ("DATABASE_READ_REPLICA_PRIMARY_URL", good.as_str()),
            (
                "DATABASE_READ_REPLICA_EAST_URL",
                "postgres://nobody@127.0.0.1:1/none",
            ),
        ],
    );

    let answer = app.anyone().get("/health/ready").await.expect(200);

    assert_eq!(
        answer.json()["checks"]["replicas"],
        json!({"healthy": 1, "total": 2})
    );
}

#[testkit::test]
async fn details_report_services_that_are_not_configured(db: PgPool) {
    let app = app(db, &[("NODE_ENV", "test")]);

    let answer = app.anyone().get("/health?details=true").await.expect(200);

    assert_eq!(
        without_timestamp(&answer),
        json!({
            "status": "ok",
            "services": {
                "database": "healthy", "redis": "disabled", "meilisearch": "disabled", "sentry": "disabled",
            },
            "version": env!("CARGO_PKG_VERSION"),
            "environment": "test",
        })
    );
}

#[testkit::test]
async fn details_check_every_service(db: PgPool) {
    let redis = format!("redis://127.0.0.1:{}", serve(redis).await);
    let meilisearch = format!("http://127.0.0.1:{}/", serve(meilisearch).await);
    let app = app(
        db,
        &[
            ("REDIS_URL", redis.as_str()),
            ("REDIS_PASSWORD", "secret"),
            ("MEILI_HOST", meilisearch.as_str()),
            ("SENTRY_DSN", "https://key@sentry.example/1"),
            ("S3_BUCKET", "cave"),
            ("S3_ENDPOINT", meilisearch.as_str()),
        ],
    );

    let answer = app.anyone().get("/health?details=true").await.expect(200);

    assert_eq!(answer.json()["status"], "ok");
    assert_eq!(
        answer.json()["services"],
        json!({
            "database": "healthy", "redis": "healthy", "meilisearch": "healthy", "sentry": "healthy",
            "storage": "healthy",
        })
    );
}

#[testkit::test]
async fn a_silent_optional_service_is_reported_as_degraded_within_a_second(db: PgPool) {
    let port = serve(silent).await;
    let (redis, meilisearch) = (
        format!("redis://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}"),
    );
    let variables = [
        ("REDIS_URL", redis.as_str()),
        ("MEILI_HOST", meilisearch.as_str()),
        ("SENTRY_DSN", "not an address"),
        ("S3_BUCKET", "cave"),
        ("S3_ENDPOINT", meilisearch.as_str()),
    ];

    // The checks run in parallel. Two in a row would take two seconds.
    within(Duration::from_millis(1800), async || {
        let app = app(db.clone(), &variables);
        let started = Instant::now();
        let answer = app.anyone().get("/health?details=true").await.expect(200);
        let took = started.elapsed();

        assert_eq!(answer.json()["status"], "degraded");
        assert_eq!(
            answer.json()["services"],
            json!({
                "database": "healthy", "redis": "unhealthy", "meilisearch": "unhealthy", "sentry": "unhealthy",
                "storage": "unhealthy",
            })
        );
        took
    })
    .await;
}

#[tokio::test]
async fn details_without_a_database_are_an_error() {
    let answer = app_without_database(&[])
        .anyone()
        .get("/health?details=true")
        .await
        .expect(503);

    assert_eq!(answer.json()["status"], "error");
    assert_eq!(answer.json()["services"]["database"], "unhealthy");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[testkit::test]
async fn details_are_cached(db: PgPool) {
    let app = app(db, &[]);
    app.anyone().get("/health?details=true").await.expect(200);

    app.lose_database();

    let answer = app.anyone().get("/health?details=true").await.expect(200);
    assert_eq!(answer.json()["services"]["database"], "healthy");
    app.anyone().get("/health/ready").await.expect(503);
}

#[tokio::test]
async fn details_must_be_a_boolean() {
    app_without_database(&[])
        .anyone()
        .get("/health?details=please")
        .await
        .expect_error(400, &["details must be a boolean value"]);
}
