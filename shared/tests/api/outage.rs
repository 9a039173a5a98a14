//! Databases that are down, silent, temporarily unavailable, or replaced.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::{Answer, App};
use testkit::timing::within;
use tokio::net::{TcpListener, TcpSocket};

use crate::{
    api,
    proxy::{Proxy, ProxyState},
};

pub fn unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(
        answer.json(),
        json!({"statusCode": 503, "message": "Service Unavailable"})
    );
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Returns a group with one connection, as under Lambda. A request that loses it cannot use another one.
pub fn app(address: &str) -> App {
    App::connected(
        api(),
        &[("DATABASE_URL", address), ("DATABASE_MAX_CONNECTIONS", "1")],
    )
}

/// Starts a server that accepts connections, and either stays silent or closes them. Returns the number of connections that it
/// has accepted.
fn count_connections(listener: TcpListener, is_silent: bool) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            if is_silent {
                open.push(connection);
            }
        }
    });
    count
}

#[tokio::test]
async fn a_port_without_a_listener_is_503() {
    // A port that is bound and has no listener refuses connections.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let app = app(&format!(
        "postgres://nobody@{}/none",
        socket.local_addr().unwrap()
    ));
    let ada = app.with_token("ada", "token");

    let failed = Instant::now();
    unavailable(&ada.get("/me").await);
    // For a second, requests fail without a new attempt to connect.
    let connections = count_connections(socket.listen(16).unwrap(), false);
    for request in 0..15 {
        unavailable(&match request % 3 {
            0 => ada.get("/me").await,
            1 => ada.put("/notes", json!({})).await,
            _ => app.anyone().get("/people").await,
        });
        let attempts = connections.load(Ordering::Relaxed);
        if failed.elapsed() < Duration::from_secs(1) {
            assert_eq!(attempts, 0);
        }
    }

    let open = app.anyone().get("/open").await.expect(200);
    assert_eq!(open.header("ratelimit"), "");
}

#[tokio::test]
async fn requests_without_a_database_fail_at_once() {
    within(Duration::from_millis(500), async || {
        let app = app("postgres://nobody@127.0.0.1:1/none");
        let ada = app.with_token("ada", "token");
        let started = Instant::now();
        unavailable(&ada.get("/me").await);
        for _ in 0..5 {
            unavailable(&ada.put("/notes", json!({})).await);
            unavailable(&app.anyone().get("/people").await);
        }
        started.elapsed()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_accepts_connections_and_is_silent_is_503() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = count_connections(listener, true);
    let app = app(&format!("postgres://nobody@127.0.0.1:{port}/none"));
    let ada = app.with_token("ada", "token");

    for (open, attempts) in [(false, 1), (true, 2)] {
        let answer = if open {
            // The request needs two statements: one counts the request, and one reads.
            app.anyone().get("/people").await
        } else {
            ada.get("/me").await
        };
        unavailable(&answer);
        assert_eq!(connections.load(Ordering::Relaxed), attempts);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[testkit::test]
async fn a_server_that_comes_back_is_used_again(db: PgPool) {
    let proxy = Proxy::new(&db).await;
    let app = app(&proxy.address);
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);

    proxy.state.send(ProxyState::Broken).unwrap();
    unavailable(&ada.get("/me").await);
    unavailable(&ada.get("/me").await);

    proxy.state.send(ProxyState::Open).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    ada.get("/me").await.expect(200);
}

/// As after a failover in which the old server has lost its network, so that no error ends the connection.
#[testkit::test]
async fn a_connection_that_becomes_silent_is_replaced(db: PgPool) {
    let proxy = Proxy::new(&db).await;
    let app = app(&proxy.address);
    let ada = app.user("ada").await;

    within(Duration::from_secs(2), async || {
        ada.get("/me").await.expect(200);
        proxy.state.send(ProxyState::Silent).unwrap();
        let started = Instant::now();
        unavailable(&ada.get("/me").await);
        let took = started.elapsed();

        proxy.state.send(ProxyState::Open).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        ada.get("/me").await.expect(200);
        took
    })
    .await;
}

/// The client disconnects while the server is silent.
#[testkit::test]
async fn a_cancelled_request_does_not_keep_its_connection(db: PgPool) {
    let proxy = Proxy::new(&db).await;
    let app = app(&proxy.address);
    let ada = app.user("ada").await;
    ada.get("/me").await.expect(200);

    proxy.state.send(ProxyState::Silent).unwrap();
    tokio::time::timeout(Duration::from_millis(200), ada.get("/me"))
        .await
        .unwrap_err();

    proxy.state.send(ProxyState::Open).unwrap();
    ada.get("/me").await.expect(200);
}

#[testkit::test]
async fn connections_to_a_demoted_primary_are_closed(db: PgPool) {
    let app = app(db.connect_options().to_url_lossy().as_str());
    let ada = app.user("ada").await;
    let process = async || -> i32 {
        sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&app.state.db)
            .await
            .unwrap()
    };
    for write in [false, true] {
        let before = process().await;
        // A standby rejects writes with this error, also on connections from before it was demoted.
        sqlx::query("set default_transaction_read_only = on")
            .execute(&app.state.db)
            .await
            .unwrap();

        // The request succeeds, but it is not counted.
        let answer = if write {
            ada.put("/notes", json!({})).await
        } else {
            ada.get("/me").await
        };
        assert_eq!(answer.expect(200).header("ratelimit"), "");

        tokio::time::sleep(Duration::from_secs(1)).await;
        let counted = ada.put("/notes", json!({})).await.expect(200);
        assert_ne!(counted.header("ratelimit"), "");
        assert_ne!(process().await, before);
    }
}

#[testkit::test]
async fn a_statement_over_its_timeout_is_503_and_keeps_the_connection(db: PgPool) {
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
    sqlx::query("lock table projects")
        .execute(&mut *lock)
        .await
        .unwrap();

    unavailable(&ada.get("/projects").await);

    lock.rollback().await.unwrap();
    ada.get("/projects").await.expect(200);
    assert_eq!(process().await, before);
}
