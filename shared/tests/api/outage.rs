//! A database that is down, silent, away for a while, or replaced by another.

use std::time::Duration;

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::{Answer, App};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::api;

/// How the way to the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Bytes are taken and none come back.
    Silent,
    /// Connections break, and new ones are refused as soon as they are made.
    Broken,
}

/// A server between a function and the database.
struct Between {
    address: String,
    way: watch::Sender<Way>,
}

impl Between {
    async fn new(db: &PgPool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut address = db.connect_options().to_url_lossy();
        let behind = (
            address.host_str().unwrap().to_owned(),
            address.port().unwrap_or(5432),
        );
        address
            .set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let (way, watched) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (behind, mut way) = (behind.clone(), watched.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(behind).await.unwrap();
                    if *way.borrow() == Way::Open {
                        tokio::select! {
                            _ = copy_bidirectional(&mut near, &mut far) => return,
                            _ = way.wait_for(|way| *way != Way::Open) => {}
                        }
                    }
                    // What was silent once stays so: that server will never answer.
                    if *way.borrow() == Way::Silent {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self {
            address: address.into(),
            way,
        }
    }
}

fn unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(
        answer.json(),
        json!({"statusCode": 503, "message": "Service Unavailable"})
    );
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Under Lambda an instance has one connection; one that were lost would be the last.
fn app(address: &str) -> App {
    App::connected(
        api(),
        &[("DATABASE_URL", address), ("DATABASE_MAX_CONNECTIONS", "1")],
    )
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_503() {
    let app = app("postgres://nobody@127.0.0.1:9/none");

    unavailable(&app.with_token("ada", "token").get("/me").await);

    let open = app.anyone().get("/open").await.expect(200);
    assert_eq!(open.header("ratelimit"), "");
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_503() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = app(&format!("postgres://nobody@127.0.0.1:{port}/none"));

    unavailable(&app.with_token("ada", "token").get("/me").await);
}

#[testkit::test]
async fn a_server_that_goes_and_comes_back_is_used_again(db: PgPool) {
    let between = Between::new(&db).await;
    let app = app(&between.address);
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);

    between.way.send(Way::Broken).unwrap();
    unavailable(&ada.get("/me").await);
    unavailable(&ada.get("/me").await);

    between.way.send(Way::Open).unwrap();
    ada.get("/me").await.expect(200);
}

/// As after a failover in which the old server lost its network: nobody ever says that the connection is dead.
#[testkit::test]
async fn a_connection_that_falls_silent_is_replaced(db: PgPool) {
    let between = Between::new(&db).await;
    let app = app(&between.address);
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);

    between.way.send(Way::Silent).unwrap();
    unavailable(&ada.get("/me").await);

    between.way.send(Way::Open).unwrap();
    ada.get("/me").await.expect(200);
}

/// The caller hangs up while the server is silent.
#[testkit::test]
async fn a_request_that_is_given_up_takes_no_connection_with_it(db: PgPool) {
    let between = Between::new(&db).await;
    let app = app(&between.address);
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);

    between.way.send(Way::Silent).unwrap();
    tokio::time::timeout(Duration::from_millis(200), ada.get("/me"))
        .await
        .unwrap_err();

    between.way.send(Way::Open).unwrap();
    ada.get("/me").await.expect(200);
}

#[testkit::test]
async fn a_primary_that_became_a_standby_is_left(db: PgPool) {
    let app = app(db.connect_options().to_url_lossy().as_str());
    let ada = app.user("ada").await;
    // A standby refuses writes in these words, on the connections that it had as a primary, too.
    sqlx::query("set default_transaction_read_only = on")
        .execute(&app.state.db)
        .await
        .unwrap();

    unavailable(&ada.get("/me").await);

    ada.get("/me").await.expect(200);
}

#[testkit::test]
async fn a_statement_over_its_time_is_503_and_the_connection_stays(db: PgPool) {
    let app = app(db.connect_options().to_url_lossy().as_str());
    let ada = app.user("ada").await;
    let process = async || -> i32 {
        sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&app.state.db)
            .await
            .unwrap()
    };
    let before = process().await;
    let mut lock = db.begin().await.unwrap();
    sqlx::query("lock table quota")
        .execute(&mut *lock)
        .await
        .unwrap();

    unavailable(&ada.get("/me").await);

    lock.rollback().await.unwrap();
    ada.get("/me").await.expect(200);
    assert_eq!(process().await, before);
}
