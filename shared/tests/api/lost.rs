//! Connections that the server has closed, and prepared statements that are stale. Requests do not fail because of them.

use std::time::Duration;

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::App;

use crate::{
    outage::app,
    proxy::{Proxy, ProxyState},
};

/// Terminates all connections of the group, as a restart of the server does.
async fn terminate(db: &PgPool) {
    let ended: i64 = sqlx::query_scalar(
        // The CTE selects the processes first. Otherwise processes that do not match might be terminated.
        "with connection as materialized (
             select pid from pg_stat_activity
             where datname = current_database() and application_name = 'codecave'
         )
         select count(*) from connection where pg_terminate_backend(pid)",
    )
    .fetch_one(db)
    .await
    .unwrap();
    assert!(ended > 0);
}

/// Closes all connections without a message of PostgreSQL.
async fn break_once(proxy: &Proxy) {
    proxy.state.send(ProxyState::Broken).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    proxy.state.send(ProxyState::Open).unwrap();
}

fn connected(db: &PgPool) -> App {
    app(db.connect_options().to_url_lossy().as_str())
}

#[testkit::test]
async fn the_first_request_after_a_restart_succeeds(db: PgPool) {
    let app = connected(&db);
    let ada = app.user("ada").await;

    for _ in 0..3 {
        ada.get("/me").await.expect(200);
        terminate(&db).await;
        ada.get("/me").await.expect(200);
        terminate(&db).await;
        app.anyone().get("/people").await.expect(200);
        terminate(&db).await;
        ada.put("/notes", json!({})).await.expect(200);
        terminate(&db).await;
        app.state.db.begin().await.unwrap().commit().await.unwrap();
    }
}

/// The connection is closed without a message of PostgreSQL.
#[testkit::test]
async fn a_read_that_lost_its_connection_is_retried(db: PgPool) {
    let proxy = Proxy::new(&db).await;
    let app = app(&proxy.address);
    let ada = app.user("ada").await;

    for _ in 0..3 {
        ada.get("/me").await.expect(200);
        break_once(&proxy).await;
        ada.get("/me").await.expect(200);
    }
}

/// PostgreSQL reports that it terminated the statement, so the statement was rolled back.
#[testkit::test]
async fn a_write_that_was_rolled_back_is_retried_once(db: PgPool) {
    let app = connected(&db);
    app.user("ada").await;
    let write = tokio::spawn({
        let db = app.state.db.clone();
        async move {
            sqlx::query(
                "update \"user\" set bio = concat(bio, 'x') where pg_sleep(0.5) is not null",
            )
            .execute(&db)
            .await
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    terminate(&db).await;

    write.await.unwrap().unwrap();

    let bio: String = sqlx::query_scalar("select bio from \"user\"")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(bio, "x");
}

/// It is unknown whether the write was committed.
#[testkit::test]
async fn a_write_that_lost_its_connection_is_not_retried(db: PgPool) {
    let proxy = Proxy::new(&db).await;
    let app = app(&proxy.address);
    app.user("ada").await;
    let write = tokio::spawn({
        let db = app.state.db.clone();
        async move {
            sqlx::query(
                "update \"user\" set bio = concat(bio, 'x') where pg_sleep(0.5) is not null",
            )
            .execute(&db)
            .await
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    break_once(&proxy).await;

    write.await.unwrap().unwrap_err();

    // The server notices that the client has disconnected, and rolls the write back. A second write would be committed now.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let bio: Option<String> = sqlx::query_scalar("select bio from \"user\"")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(bio, None);
}

#[testkit::test]
async fn a_column_may_change_its_type_under_prepared_statements(db: PgPool) {
    let app = connected(&db);
    let ada = app.user("ada").await;

    for kind in ["varchar(400)", "text"] {
        for _ in 0..3 {
            ada.get("/me").await.expect(200);
            ada.put("/notes", json!({})).await.expect(200);
        }
        let statement = format!(r#"alter table "user" alter column role type {kind}"#);
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&db)
            .await
            .unwrap();
        ada.get("/me").await.expect(200);
        ada.put("/notes", json!({})).await.expect(200);
    }
}

#[testkit::test]
async fn a_transaction_is_retried_after_a_column_has_changed_its_type(db: PgPool) {
    let app = connected(&db);
    app.user("ada").await;
    let read = || async {
        let mut tx = app.state.db.begin().await?;
        let role: Option<String> = sqlx::query_scalar(r#"select role from "user""#)
            .fetch_one(&mut tx)
            .await?;
        tx.commit().await?;
        Ok::<_, shared::http::Error>(role)
    };

    app.state.db.retry(read).await.unwrap();
    sqlx::query(r#"alter table "user" alter column role type varchar(400)"#)
        .execute(&db)
        .await
        .unwrap();
    app.state.db.retry(read).await.unwrap();
}

/// A cancelled request may leave a statement or a transaction open.
#[testkit::test]
async fn cancelled_requests_leave_nothing_open(db: PgPool) {
    for connections in ["1", "10"] {
        let address = db.connect_options().to_url_lossy();
        let app = App::connected(
            crate::api(),
            &[
                ("DATABASE_URL", address.as_str()),
                ("DATABASE_MAX_CONNECTIONS", connections),
            ],
        );
        let ada = app.user("ada").await;
        for round in 0..200_u64 {
            let limit = Duration::from_micros(round * 25);
            let work = async {
                ada.get("/me").await;
                let tx = app.state.db.begin().await.unwrap();
                ada.put("/notes", json!({})).await;
                tx.commit().await.unwrap();
            };
            tokio::time::timeout(limit, work).await.ok();
        }
        ada.get("/me").await.expect(200);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and application_name = 'codecave' and state <> 'idle'",
        )
        .fetch_one(&db)
        .await
        .unwrap();
        assert_eq!(open, 0);
        app.state.db.close();
    }
}
