//! Traces: transactions, their spans, and their trace ids.

use serde_json::Value;
use sqlx::PgPool;
use testkit::database::address;

use crate::{ada, ingest::Ingest, program::Program};

/// Returns the operations and descriptions of a transaction's spans.
fn spans(transaction: &Value) -> Vec<(&str, &str)> {
    transaction["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| {
            let text = |name: &str| span[name].as_str().unwrap();
            assert_eq!(
                span["trace_id"],
                transaction["contexts"]["trace"]["trace_id"]
            );
            assert!(span["timestamp"].is_string(), "no end: {span}");
            (text("op"), text("description"))
        })
        .collect()
}

#[testkit::test]
async fn a_request_is_a_transaction_with_its_statements_and_without_their_values(db: PgPool) {
    let ingest = Ingest::start().await;
    let ada = ada(&db).await;
    let (dsn, database) = (ingest.dsn(), address(&db));
    let program = Program::start(
        "trouble",
        &[
            ("DATABASE_URL", &database),
            ("SENTRY_DSN", &dsn),
            ("SENTRY_TRACES_SAMPLE_RATE", "1"),
        ],
    )
    .await;

    let request = program
        .get("/mine/a-known-value")
        .header("cookie", ada.cookie().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 404);
    program.stop().await;

    let transactions = ingest.transactions();
    assert_eq!(transactions.len(), 1);
    let transaction = &transactions[0];
    assert_eq!(transaction["transaction"], "GET /mine/{thingId}");
    let trace = &transaction["contexts"]["trace"];
    assert_eq!(trace["op"], "http.server");
    assert_eq!(trace["status"], "not_found");
    assert_eq!(trace["data"]["http.response.status_code"], 404);
    assert_eq!(transaction["user"]["id"], ada.id.as_str());
    assert_eq!(transaction["tags"]["route"], "/mine/{thingId}");

    let spans = spans(transaction);
    let ops: Vec<&str> = spans.iter().map(|(op, _)| *op).collect();
    assert!(ops.contains(&"auth.session"), "{spans:?}");
    let statements: Vec<&str> = spans
        .iter()
        .filter(|(op, _)| *op == "db.sql.query")
        .map(|(_, text)| *text)
        .collect();
    assert!(statements[0].starts_with("with caller as ("), "{spans:?}");
    assert_eq!(statements[1..], ["select length($1)"]);
    let text = ingest.text();
    assert!(!text.contains("a-known-value"), "{text}");
}

#[testkit::test]
async fn transactions_are_named_after_their_routes(db: PgPool) {
    let ingest = Ingest::start().await;
    let ada = ada(&db).await;
    let (dsn, database) = (ingest.dsn(), address(&db));
    let program = Program::start(
        "users",
        &[
            ("DATABASE_URL", &database),
            ("SENTRY_DSN", &dsn),
            ("SENTRY_TRACES_SAMPLE_RATE", "1"),
        ],
    )
    .await;

    let path = format!("/users/{}", ada.id);
    assert_eq!(program.get(&path).send().await.unwrap().status(), 200);
    program.stop().await;

    let transactions = ingest.transactions();
    assert_eq!(transactions[0]["transaction"], "GET /users/{userId}");
    assert_eq!(transactions[0]["tags"]["function"], "users");
    assert!(spans(&transactions[0]).len() >= 3, "{transactions:#?}");
}

#[tokio::test]
async fn the_callers_trace_is_continued() {
    let sentry = (
        "sentry-trace",
        "771a43a4192642f0b136d5159a501700-b7ad6b7169203331-1",
    );
    let baggage = (
        "baggage",
        "sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-public_key=frontend",
    );
    let w3c = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    for (headers, trace_id, parent) in [
        (
            vec![sentry, baggage],
            "771a43a4192642f0b136d5159a501700",
            "b7ad6b7169203331",
        ),
        (
            vec![w3c],
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00f067aa0ba902b7",
        ),
        (
            vec![sentry, w3c],
            "771a43a4192642f0b136d5159a501700",
            "b7ad6b7169203331",
        ),
    ] {
        let ingest = Ingest::start().await;
        let program = Program::start(
            "trouble",
            &[
                ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
                ("SENTRY_DSN", &ingest.dsn()),
                // The caller's decision overrides this rate.
                ("SENTRY_TRACES_SAMPLE_RATE", "0.000001"),
            ],
        )
        .await;

        let with_baggage = headers.contains(&baggage);
        let mut request = program.get("/fine");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status(), 204);
        let (_, lines) = program.stop().await;

        let transactions = ingest.transactions();
        assert_eq!(transactions.len(), 1, "{}", ingest.text());
        let trace = &transactions[0]["contexts"]["trace"];
        assert_eq!(trace["trace_id"], trace_id);
        assert_eq!(trace["parent_span_id"], parent);
        let envelope = ingest
            .envelopes()
            .into_iter()
            .find(|envelope| envelope.items[0].0 == "transaction")
            .unwrap();
        let head = &envelope.headers["trace"];
        assert_eq!(head["trace_id"], trace_id, "{}", envelope.text);
        // The key is that of the head of the trace if the request has one.
        let key = if with_baggage { "frontend" } else { "key" };
        assert_eq!(head["public_key"], key);
        assert!(lines.concat().contains(trace_id), "{lines:#?}");
    }
}

#[tokio::test]
async fn reading_a_secret_is_a_span() {
    let ingest = Ingest::start().await;
    let program = Program::start(
        "trouble",
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("SENTRY_DSN", &ingest.dsn()),
            ("SENTRY_TRACES_SAMPLE_RATE", "1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
        ],
    )
    .await;

    assert_eq!(program.get("/outgoing").send().await.unwrap().status(), 204);
    program.stop().await;

    assert_eq!(
        spans(&ingest.transactions()[0]),
        [("http.client", "GetSecretValue a-secret")]
    );
}

#[tokio::test]
async fn a_request_to_a_service_is_a_span() {
    let ingest = Ingest::start().await;
    let program = Program::start(
        "health",
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("SENTRY_DSN", &ingest.dsn()),
            ("SENTRY_TRACES_SAMPLE_RATE", "1"),
            ("MEILI_HOST", "http://127.0.0.1:1"),
        ],
    )
    .await;

    let answer = program.get("/health?details=true").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    program.stop().await;

    let transactions = ingest.transactions();
    let spans = spans(&transactions[0]);
    for expected in [
        ("db.sql.query", r#"select 1 as "one!""#),
        ("http.client", "GET /health of Meilisearch"),
    ] {
        assert!(spans.contains(&expected), "{spans:?}");
    }
}
