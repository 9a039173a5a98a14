//! Connections that the server has closed, and prepared statements that are stale. Requests do not fail because of them.

use std::time::Duration;

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool, Postgres, Transaction, postgres::PgQueryResult};
use testing::{App, blocked, number, until};
use tokio::task::JoinHandle;

use crate::{outage::app, proxy::Proxy};

/// The process that waits for a lock.
const WRITER: &str = "
    select pid::bigint from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
";
const PROCESS: &str = "select count(*) from pg_stat_activity where pid = $1::integer";
const BUSY: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'codecave' and state <> 'idle'
";

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

/// Locks the table of users, so that writes wait.
async fn lock(db: &PgPool) -> Transaction<'static, Postgres> {
    let mut lock = db.begin().await.unwrap();
    sqlx::query(r#"lock table "user" in share mode"#)
        .execute(&mut *lock)
        .await
        .unwrap();
    lock
}

/// Starts a write that has an effect each time it is executed, and that waits for the lock.
async fn start_write(app: &App, db: &PgPool) -> JoinHandle<sqlx::Result<PgQueryResult>> {
    let primary = app.state.db.clone();
    let write = tokio::spawn(async move {
        sqlx::query(r#"update "user" set bio = concat(bio, 'x')"#)
            .execute(&primary)
            .await
    });
    blocked(db, 1).await;
    write
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
        proxy.break_connections().await;
        ada.get("/me").await.expect(200);
    }
}

/// PostgreSQL reports that it terminated the statement, so the statement was rolled back.
#[testkit::test]
async fn a_write_that_was_rolled_back_is_retried_once(db: PgPool) {
    let app = connected(&db);
    app.user("ada").await;
    let lock = lock(&db).await;
    let write = start_write(&app, &db).await;
    terminate(&db).await;
    lock.rollback().await.unwrap();

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
    let lock = lock(&db).await;
    let write = start_write(&app, &db).await;
    let first = number(&db, WRITER, &[]).await.to_string();
    proxy.break_connections().await;
    // The server notices that the client has disconnected, and rolls the write back. A second write could be committed now.
    until(&db, PROCESS, &[&first], |found| found == 0).await;
    lock.rollback().await.unwrap();

    write.await.unwrap().unwrap_err();
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
        // The server ends a forgotten transaction after ten seconds.
        let idle = until(&db, BUSY, &[], |busy| busy == 0);
        tokio::time::timeout(Duration::from_secs(4), idle)
            .await
            .unwrap();
        app.state.db.close();
    }
}
