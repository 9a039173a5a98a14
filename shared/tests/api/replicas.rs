//! Reads from replicas.

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::App;

use crate::api;

const NOWHERE: &str = "postgres://nobody@127.0.0.1:9/none";

/// Returns the primary's address, and that of another database as the replica. The database's name identifies the server.
fn addresses(db: &PgPool) -> (String, String) {
    let primary = db.connect_options().to_url_lossy();
    let mut replica = primary.clone();
    replica.set_path("postgres");
    (primary.into(), replica.into())
}

async fn answered(app: &App) -> String {
    let answer = app.anyone().get("/where").await.expect(200);
    answer.json()["database"].as_str().unwrap().to_owned()
}

#[testkit::test]
async fn only_anonymous_reads_use_a_replica(db: PgPool) {
    let (primary, replica) = addresses(&db);
    let app = App::connected(
        api(),
        &[
            ("DATABASE_URL", &primary),
            ("DATABASE_READ_REPLICA_PRIMARY_URL", &replica),
        ],
    );
    let ada = app.user("ada").await;
    let own = json!({"database": db.connect_options().get_database().unwrap()});

    let answer = app.anyone().get("/where").await.expect(200);
    assert_eq!(answer.json(), json!({"database": "postgres"}));
    assert_ne!(answer.header("ratelimit"), "");
    // Callers with a session read their own writes.
    assert_eq!(ada.get("/where").await.expect(200).json(), own);
    let expired = app.with_token("nobody", "unknown");
    assert_eq!(expired.get("/where").await.expect(200).json(), own);
    assert_eq!(
        app.anyone()
            .post("/where", json!({}))
            .await
            .expect(200)
            .json(),
        own
    );
    // A response that is never cached must be up to date.
    assert_eq!(app.anyone().get("/where/now").await.expect(200).json(), own);
}

#[testkit::test]
async fn the_second_replica_and_then_the_primary_take_over(db: PgPool) {
    let (primary, replica) = addresses(&db);
    let app = |first: &str, second: &str| {
        App::connected(
            api(),
            &[
                ("DATABASE_URL", &primary),
                ("DATABASE_READ_REPLICA_PRIMARY_URL", first),
                ("DATABASE_READ_REPLICA_EAST_URL", second),
            ],
        )
    };

    assert_eq!(answered(&app(NOWHERE, &replica)).await, "postgres");
    let own = db.connect_options().get_database().unwrap().to_owned();
    assert_eq!(answered(&app(NOWHERE, NOWHERE)).await, own);
}

/// A replica may lack recent changes.
#[testkit::test]
async fn the_primary_is_used_if_a_replica_fails(db: PgPool) {
    let (primary, replica) = addresses(&db);
    let app = App::connected(
        api(),
        &[
            ("DATABASE_URL", &primary),
            ("DATABASE_READ_REPLICA_EAST_URL", &replica),
        ],
    );

    // The other database does not have the table.
    let answer = app.anyone().get("/people").await.expect(200);
    assert_eq!(answer.json(), json!({"people": 0}));
}

#[testkit::test]
async fn a_replica_serves_reads_without_the_primary(db: PgPool) {
    let (_, replica) = addresses(&db);
    let app = App::connected(
        api(),
        &[
            ("DATABASE_URL", NOWHERE),
            ("DATABASE_READ_REPLICA_PRIMARY_URL", &replica),
        ],
    );

    assert_eq!(answered(&app).await, "postgres");
}
