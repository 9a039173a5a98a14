//! The time limit of anonymous reads.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::{App, ended, number};
use testkit::timing::within;

use crate::api;

/// The slow statement.
const STATEMENT: &str = "select pg_sleep%";
/// Connections to the database whose last statement is like the given one.
const LAST_STATEMENTS: &str = "
    select count(*) from pg_stat_activity where datname = current_database() and query like $1
";

#[testkit::test]
async fn a_slow_anonymous_read_is_cancelled_after_a_second(db: PgPool) {
    let app = App::connected(
        api(),
        &[("DATABASE_URL", db.connect_options().to_url_lossy().as_str())],
    );
    let ada = app.user("ada").await;
    app.anyone().get("/where").await.expect(200);

    for path in ["/sleep", "/sleep/now"] {
        // The statement would take three seconds.
        within(Duration::from_secs(2), async || {
            let started = Instant::now();
            let answer = app.anyone().get(path).await;
            let took = started.elapsed();

            assert_eq!(
                answer.clone().expect(503).json(),
                json!({"statusCode": 503, "message": "Service Unavailable"})
            );
            assert_eq!(answer.header("retry-after"), "5");
            assert!(took >= Duration::from_secs(1), "{path}: {took:?}");
            ended(&db, STATEMENT).await;
            let took = started.elapsed();
            // The slow statement does not count as an outage.
            app.anyone().get("/where").await.expect(200);
            took
        })
        .await;
    }
    // Its statements have five seconds.
    ada.get("/sleep").await.expect(204);
}

#[testkit::test]
async fn a_slow_read_on_a_replica_is_not_repeated_on_the_primary(db: PgPool) {
    let primary = db.connect_options().to_url_lossy();
    let mut replica = primary.clone();
    replica.set_path("postgres");
    // On both it would take two seconds.
    within(Duration::from_millis(1900), async || {
        let app = App::connected(
            api(),
            &[
                ("DATABASE_URL", primary.as_str()),
                ("DATABASE_READ_REPLICA_PRIMARY_URL", replica.as_str()),
            ],
        );
        let started = Instant::now();
        app.anyone().get("/sleep").await.expect(503);
        let took = started.elapsed();

        // The replica is still used, unless the machine was so busy that it seemed to be down.
        let answer = app.anyone().get("/where").await.expect(200);
        if answer.json() == json!({"database": "postgres"})
            && number(&db, LAST_STATEMENTS, &[STATEMENT]).await == 0
        {
            took
        } else {
            Duration::MAX
        }
    })
    .await;
}
