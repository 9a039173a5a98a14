//! Serving of plain HTTP, and of concurrent requests under Lambda.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::running;
use testkit::{database::address, timing::within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    PATIENCE, ada,
    frozen::{NO_DATABASE, get, instance},
    program::Program,
};

async fn trouble(variables: &[(&str, &str)]) -> Program {
    Program::start("trouble", &[&[NO_DATABASE], variables].concat()).await
}

async fn connect(program: &Program) -> TcpStream {
    let address = program.url.strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Reads one response, whose body has a content length. Returns its head.
async fn response(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, connection.read_u8()).await.unwrap();
        head.push(
            byte.unwrap_or_else(|error| panic!("{error} after {}", String::from_utf8_lossy(&head))),
        );
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    head
}

/// Sends a request with a body that is too large. Like proxies, sends the whole body before reading the response.
async fn send_too_much(connection: &mut TcpStream, mebibytes: usize) {
    let head = format!(
        "POST /size HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        mebibytes << 20
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..mebibytes {
        connection.write_all(&vec![b' '; 1 << 20]).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_over_the_limit_keeps_the_connection_usable() {
    let program = trouble(&[]).await;
    let mut connection = connect(&program).await;

    for _ in 0..3 {
        send_too_much(&mut connection, 3).await;
        let head = response(&mut connection).await;
        assert!(head.starts_with("http/1.1 413 "), "{head}");
    }
    connection
        .write_all(b"GET /fine HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let head = response(&mut connection).await;
    assert!(head.starts_with("http/1.1 204 "), "{head}");
}

/// A body that no handler reads must be skipped.
#[tokio::test]
async fn a_body_without_a_route_does_not_affect_the_next_request() {
    let program = trouble(&[]).await;
    let mut connection = connect(&program).await;

    let body = vec![b' '; 2 << 20];
    let head = format!(
        "POST /none HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..2 {
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&body).await.unwrap();
        let head = response(&mut connection).await;
        assert!(head.starts_with("http/1.1 404 "), "{head}");
    }
}

#[tokio::test]
async fn the_response_to_a_huge_body_can_be_read() {
    let program = trouble(&[]).await;
    let mut connection = connect(&program).await;

    send_too_much(&mut connection, 40).await;
    let head = response(&mut connection).await;

    assert!(head.starts_with("http/1.1 413 "), "{head}");
    assert!(head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn a_request_with_an_endless_head_times_out() {
    let program = trouble(&[]).await;
    let mut slow = connect(&program).await;
    let mut idle = connect(&program).await;
    let started = Instant::now();
    slow.write_all(b"GET /fine HTTP/1.1\r\n").await.unwrap();
    let sends = async {
        while slow.write_all(b"a: b\r\n").await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(Duration::from_secs(20), sends).await.unwrap();
    assert!(started.elapsed() > Duration::from_secs(9));

    // An idle connection has a longer timeout.
    idle.write_all(b"GET /fine HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let head = response(&mut idle).await;
    assert!(head.starts_with("http/1.1 204 "), "{head}");
}

#[tokio::test]
async fn a_connection_over_the_limit_waits() {
    let program = trouble(&[("HTTP_MAX_CONNECTIONS", "2")]).await;
    // The connection that checked whether the program listens must be closed first.
    sleep(Duration::from_millis(100)).await;
    let request = b"GET /fine HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut open = [connect(&program).await, connect(&program).await];
    for connection in &mut open {
        connection.write_all(request).await.unwrap();
        response(connection).await;
    }

    let mut third = connect(&program).await;
    third.write_all(request).await.unwrap();
    let waits = timeout(Duration::from_millis(300), response(&mut third)).await;
    assert!(waits.is_err(), "{waits:?}");
    drop(open);

    assert!(response(&mut third).await.starts_with("http/1.1 204 "));
}

#[tokio::test]
async fn requests_beyond_the_capacity_are_rejected_and_others_served() {
    let program = trouble(&[]).await;
    let work = async || {
        let answer = program.get("/work").send().await.unwrap();
        let refused = answer.status() == 503;
        assert_eq!(answer.headers().contains_key("retry-after"), refused);
        assert!(refused || answer.status() == 204, "{answer:?}");
        refused
    };
    let fine = async || {
        sleep(Duration::from_millis(200)).await;
        let started = Instant::now();
        let answer = program.get("/fine").send().await.unwrap();
        assert_eq!(answer.status(), 204);
        started.elapsed()
    };

    within(Duration::from_secs(1), async || {
        let (refused, waited) = tokio::join!(join_all((0..150).map(|_| work())), fine());
        let refused = refused.into_iter().filter(|refused| *refused).count();
        assert!((1..149).contains(&refused), "{refused}");
        waited
    })
    .await;
}

#[testkit::test]
async fn the_shutdown_waits_for_running_requests(db: PgPool) {
    let database = address(&db);
    let program = Program::start("trouble", &[("DATABASE_URL", &database)]).await;
    let request = program.request(Method::POST, "/slow/1").send();
    let answer = tokio::spawn(request);
    running(&db, "select pg_sleep%").await;

    let (status, _) = program.stop().await;

    assert!(status.success());
    assert_eq!(answer.await.unwrap().unwrap().status(), 204);
}

/// As on Lambda Managed Instances.
#[testkit::test]
async fn an_instance_serves_concurrent_requests_up_to_lambdas_limit(db: PgPool) {
    let database = address(&db);
    let variables = [
        ("DATABASE_URL", database.as_str()),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
    ];
    let function = instance("trouble", &variables).await;
    let mut slow = get("/slow/1");
    slow["requestContext"]["http"]["method"] = json!("POST");

    within(Duration::from_secs(4), async || {
        let started = Instant::now();
        let answers = join_all((0..8).map(|_| function.invoke_beside(&slow))).await;
        for answer in answers {
            assert_eq!(answer.unwrap().response["statusCode"], 204);
        }
        started.elapsed()
    })
    .await;
    let logs = function.logs().join("\n");
    assert!(!logs.contains("CONCURRENCY"), "{logs}");
}

/// Events with input that `lambda_http` rejects, or for which it panics.
#[testkit::test]
async fn an_instance_serves_concurrent_hostile_events(db: PgPool) {
    let database = address(&db);
    let ada = ada(&db).await;
    let session = ada.cookie().unwrap();
    let question = |change: &dyn Fn(&mut Value)| {
        let mut event = get("/question");
        event["cookies"] = json!([session]);
        event["rawQueryString"] = json!("q=1");
        change(&mut event);
        event
    };
    let events = [
        (question(&|_| {}), "1"),
        (
            question(&|event| event["cookies"] = json!(["stra\u{df}e=\u{e9}", session])),
            "1",
        ),
        (
            question(&|event| event["headers"]["host"] = json!("a b\u{e9}")),
            "1",
        ),
        (
            question(&|event| event["requestContext"]["domainName"] = json!("[::1")),
            "1",
        ),
        (
            question(&|event| event["rawQueryString"] = json!("q=a b \"c\"")),
            "a b \"c\"",
        ),
        (
            question(&|event| event["rawQueryString"] = json!("q=<\u{e9}>#d")),
            "<\u{e9}>#d",
        ),
        (
            question(&|event| event["headers"]["user-agent"] = json!("\u{1f980}\n")),
            "1",
        ),
        (
            question(&|event| event["headers"]["x-forwarded-proto"] = json!("1://")),
            "1",
        ),
    ];
    let variables = [
        ("DATABASE_URL", database.as_str()),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
    ];
    let function = instance("trouble", &variables).await;

    for _ in 0..3 {
        let asked = events
            .iter()
            .map(|(event, _)| function.invoke_beside(event));
        let answers = join_all(asked).await;
        for (answer, (event, q)) in answers.into_iter().zip(&events) {
            let response = answer.unwrap().response;
            assert_eq!(response["statusCode"], 200, "{event}: {response}");
            let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
            assert_eq!(body, json!({"user": ada.id, "q": q}), "{event}");
        }
    }
}
