//! The time limit of anonymous reads.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::App;
use tokio::time::sleep;

use crate::api;

/// Returns whether the server runs the slow statement.
async fn is_running(db: &PgPool) -> bool {
    sqlx::query_scalar(
        "select exists (
             select from pg_stat_activity
             where datname = current_database() and state = 'active' and query like 'select pg_sleep%'
         )",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

/// Fails if the statement still runs after half a second.
async fn expect_cancelled(db: &PgPool) {
    for _ in 0..10 {
        if !is_running(db).await {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the statement still runs");
}

#[testkit::test]
async fn a_slow_anonymous_read_is_cancelled_after_a_second(db: PgPool) {
    let app = App::connected(
        api(),
        &[("DATABASE_URL", db.connect_options().to_url_lossy().as_str())],
    );
    let ada = app.user("ada").await;
    app.anyone().get("/where").await.expect(200);

    for path in ["/sleep", "/sleep/now"] {
        let started = Instant::now();
        let answer = app.anyone().get(path).await;
        let took = started.elapsed();

        assert_eq!(
            answer.clone().expect(503).json(),
            json!({"statusCode": 503, "message": "Service Unavailable"})
        );
        assert_eq!(answer.header("retry-after"), "5");
        assert!(took >= Duration::from_secs(1), "{path}: {took:?}");
        assert!(took < Duration::from_secs(2), "{path}: {took:?}");
        expect_cancelled(&db).await;
        // The slow statement does not count as an outage.
        app.anyone().get("/where").await.expect(200);
    }
    // Its statements have five seconds.
    ada.get("/sleep").await.expect(204);
}

#[testkit::test]
async fn a_slow_read_on_a_replica_is_not_repeated_on_the_primary(db: PgPool) {
    let primary = db.connect_options().to_url_lossy();
    let mut replica = primary.clone();
    replica.set_path("postgres");
    let app = App::connected(
        api(),
        &[
            ("DATABASE_URL", primary.as_str()),
            ("DATABASE_READ_REPLICA_PRIMARY_URL", replica.as_str()),
        ],
    );

    let started = Instant::now();
    app.anyone().get("/sleep").await.expect(503);

    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(!is_running(&db).await);
    // The replica is still used.
    let answer = app.anyone().get("/where").await.expect(200);
    assert_eq!(answer.json(), json!({"database": "postgres"}));
}
