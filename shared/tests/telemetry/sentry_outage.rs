//! A Sentry that is slow, fails or is unreachable. It delays neither responses nor the freeze of an instance.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{StatusCode, header},
};
use testkit::{ports::free_port, timing::within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    frozen::{NO_DATABASE, get, instance},
    ingest::Ingest,
    program::{parsed, with_message},
};

/// A freeze that takes longer has waited for Sentry. Waiting in vain takes 250 ms.
const LONG: Duration = Duration::from_millis(200);
/// Number of requests of an instance.
const REQUESTS: usize = 100;

fn dsn(port: u16) -> String {
    format!("http://key@127.0.0.1:{port}/7")
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Starts a server that sends `response` byte by byte on each connection and then waits.
async fn paced(response: &'static str, pause: Duration) -> u16 {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut near, mut far) = connection.split();
                let sends = async {
                    for byte in response.bytes() {
                        sleep(pause).await;
                        far.write_all(&[byte]).await?;
                    }
                    std::future::pending::<std::io::Result<()>>().await
                };
                let mut ignored = [0; 1024];
                let reads = async { while near.read(&mut ignored).await.is_ok_and(|n| n > 0) {} };
                tokio::select! {
                    _ = sends => {}
                    () = reads => {}
                }
            });
        }
    });
    port
}

async fn refusing_all(status: StatusCode) -> u16 {
    let (listener, port) = listener().await;
    let router = Router::new().fallback(async move || (status, [(header::RETRY_AFTER, "1")]));
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// Returns a port that does not respond to attempts to connect, because its queue is full. The connections keep it full.
async fn dead() -> (TcpListener, Vec<TcpStream>, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let limit = Duration::from_millis(500);
    while let Ok(connected) = timeout(limit, TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
    }
    (listener, waiting, address.port())
}

/// Invokes a function whose handler fails, and checks that at most two freezes wait for Sentry. Returns the log of the function.
async fn endure(dsn: &str) -> Vec<serde_json::Value> {
    let mut log = Vec::new();
    within(LONG, async || {
        let function = instance("trouble", &[NO_DATABASE, ("SENTRY_DSN", dsn)]).await;
        let mut held = Vec::new();
        for _ in 0..REQUESTS {
            let answer = function.invoke(&get("/fails")).await.unwrap();
            assert_eq!(answer.response["statusCode"], 500);
            let answered = Instant::now();
            function.settled().await.unwrap();
            held.push(answered.elapsed());
        }
        log = parsed(&function.logs());
        held.sort();
        eprintln!(
            "held: median {:?}, longest {:?}",
            held[REQUESTS / 2],
            &held[REQUESTS - 3..]
        );
        held[REQUESTS - 3]
    })
    .await;
    log
}

/// Returns the number of dropped envelopes in the log, which reports them once a minute.
fn dropped(log: &[serde_json::Value]) -> u64 {
    let lines = with_message(log, "Sentry envelopes were dropped");
    assert!(lines.len() <= 2, "{lines:#?}");
    lines
        .iter()
        .map(|line| line["dropped"].as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn a_sentry_that_never_responds_delays_nothing() {
    endure(&dsn(paced("", Duration::ZERO).await)).await;
}

#[tokio::test]
async fn a_sentry_that_sends_a_byte_a_second_delays_nothing() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    endure(&dsn(paced(response, Duration::from_secs(1)).await)).await;
}

#[tokio::test]
async fn a_sentry_that_accepts_no_connections_delays_nothing() {
    let (_listener, _waiting, port) = dead().await;
    endure(&dsn(port)).await;
}

#[tokio::test]
async fn a_sentry_that_refuses_connections_delays_nothing() {
    let log = endure(&dsn(free_port().unwrap())).await;
    assert!(dropped(&log) > 0, "{log:#?}");
}

#[tokio::test]
async fn a_sentry_that_responds_with_429_delays_nothing() {
    let log = endure(&dsn(refusing_all(StatusCode::TOO_MANY_REQUESTS).await)).await;
    assert!(dropped(&log) > 0, "{log:#?}");
}

#[tokio::test]
async fn a_sentry_that_fails_delays_nothing() {
    let log = endure(&dsn(refusing_all(StatusCode::BAD_GATEWAY).await)).await;
    assert!(dropped(&log) > 0, "{log:#?}");
}

#[tokio::test]
async fn a_sentry_with_an_unknown_name_delays_nothing() {
    endure("http://key@sentry.invalid/7").await;
}

#[tokio::test]
async fn requests_after_an_error_do_not_wait_for_sentry() {
    let dsn = dsn(paced("", Duration::ZERO).await);
    // If each of them waited, they would take two seconds, after which the error is dropped.
    within(Duration::from_millis(1500), async || {
        let function = instance("trouble", &[NO_DATABASE, ("SENTRY_DSN", &dsn)]).await;
        let started = Instant::now();
        function.invoke(&get("/fails")).await.unwrap();
        for _ in 0..25 {
            let answer = function.invoke(&get("/fine")).await.unwrap();
            assert_eq!(answer.response["statusCode"], 204);
        }
        function.settled().await.unwrap();
        started.elapsed()
    })
    .await;
}

#[tokio::test]
async fn failures_of_sentry_are_logged_and_not_sent_to_it() {
    let ingest = Ingest::failing(10).await;
    let variables = [
        NO_DATABASE,
        ("SENTRY_DSN", &ingest.dsn()),
        ("SENTRY_TRACES_SAMPLE_RATE", "0"),
    ];
    let function = instance("trouble", &variables).await;

    for _ in 0..20 {
        function.invoke(&get("/fails")).await.unwrap();
        function.settled().await.unwrap();
    }

    let log = parsed(&function.logs());
    assert!(dropped(&log) > 0, "{log:#?}");
    let metrics: Vec<_> = log
        .iter()
        .filter_map(|line| line["SentryDropped"].as_u64())
        .collect();
    assert!(!metrics.is_empty(), "{log:#?}");
    assert!(!ingest.events().is_empty());
    assert!(!ingest.text().contains("dropped"), "{}", ingest.text());
}
