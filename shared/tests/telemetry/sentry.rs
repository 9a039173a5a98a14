//! Events that failures send to Sentry, and requests that send none.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::database::address;

use crate::{
    ada,
    ingest::Ingest,
    program::{Program, with_message},
};

const NO_DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_failure_is_one_event_with_its_context() {
    let ingest = Ingest::start().await;
    let program = Program::start(
        "trouble",
        &[
            NO_DATABASE,
            ("SENTRY_DSN", &ingest.dsn()),
            ("SENTRY_RELEASE", "codecave@abc123"),
            ("SENTRY_ENVIRONMENT", "staging"),
        ],
    )
    .await;

    let answer = program
        .get("/fails?code=a-secret-code")
        .header("cookie", "better-auth.session_token=a-secret-token")
        .header("user-agent", "a-client")
        .send()
        .await
        .unwrap();
    let request_id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(answer.status(), 500);
    assert!(!answer.text().await.unwrap().contains("cause"));
    let (status, lines) = program.stop().await;

    assert!(status.success());
    let events = ingest.events();
    assert_eq!(events.len(), 1, "{events:#?}");
    let event = &events[0];
    assert_eq!(
        event["tags"],
        json!({
            "route": "/fails", "method": "GET", "status": "500", "request_id": request_id,
            "function": "trouble", "cold_start": "true",
        })
    );
    // Without a level, Sentry assumes an error.
    assert_eq!(event.get("level"), None);
    assert_eq!(event["release"], "codecave@abc123");
    assert_eq!(event["environment"], "staging");
    assert_eq!(event["transaction"], "GET /fails");
    let values: Vec<&Value> = event["exception"]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|exception| &exception["value"])
        .collect();
    assert_eq!(values, ["the cause", "what failed"]);
    assert_eq!(event.get("user"), None);
    assert_eq!(event.get("request"), None);
    let text = ingest.text();
    for secret in ["a-secret-code", "a-secret-token", "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }

    // The log has the same ids and causes.
    let log = crate::program::parsed(&lines);
    let line = with_message(&log, "request")[0];
    assert_eq!(line["requestId"], request_id.as_str());
    assert_eq!(line["traceId"], event["contexts"]["trace"]["trace_id"]);
    let cause = with_message(&log, "request failed")[0];
    assert_eq!(cause["error"], "what failed: the cause");
    assert_eq!(cause["requestId"], request_id.as_str());
}

#[testkit::test]
async fn a_panic_is_one_event_and_the_next_request_is_served(db: PgPool) {
    let ingest = Ingest::start().await;
    let ada = ada(&db).await;
    let (dsn, database) = (ingest.dsn(), address(&db));
    let program = Program::start(
        "trouble",
        &[("DATABASE_URL", &database), ("SENTRY_DSN", &dsn)],
    )
    .await;
    let panic = || {
        program
            .get("/mine/a-thing/panic")
            .header("cookie", ada.cookie().unwrap())
    };

    assert_eq!(panic().send().await.unwrap().status(), 500);
    assert_eq!(program.get("/fine").send().await.unwrap().status(), 204);
    program.stop().await;

    let events = ingest.events();
    assert_eq!(events.len(), 1, "{events:#?}");
    let event = &events[0];
    assert_eq!(event["user"], json!({ "id": ada.id }));
    assert_eq!(event["tags"]["route"], "/mine/{thingId}/panic");
    assert_eq!(event["exception"]["values"][0]["type"], "Panic");
    assert_eq!(
        event["exception"]["values"][0]["value"],
        "panic: a handler's bug"
    );
    assert_eq!(
        event["exception"]["values"][0]["mechanism"]["handled"],
        false
    );
    let breadcrumbs = event["breadcrumbs"]["values"].as_array().unwrap();
    let start = breadcrumbs
        .iter()
        .position(|crumb| crumb["message"] == "about to go wrong")
        .unwrap();
    let [before, panic, ..] = &breadcrumbs[start..] else {
        panic!("{breadcrumbs:#?}")
    };
    assert_eq!(before["data"]["step"], 1);
    assert_eq!(panic["message"], "panic: a handler's bug");
    let location = panic["data"]["location"].as_str().unwrap();
    assert!(location.starts_with("shared/examples/trouble.rs:"));
    assert!(!ingest.text().contains("@test.example"));
}

#[testkit::test]
async fn a_rejected_request_sends_no_event(db: PgPool) {
    let ingest = Ingest::start().await;
    let ada = ada(&db).await;
    let (dsn, database) = (ingest.dsn(), address(&db));
    let program = Program::start(
        "trouble",
        &[
            ("DATABASE_URL", &database),
            ("SENTRY_DSN", &dsn),
            ("SENTRY_TRACES_SAMPLE_RATE", "0"),
        ],
    )
    .await;

    for (path, cookie, expected) in [
        ("/nothing-here", "", 404),
        ("/mine/1", "", 401),
        ("/mine/1", ada.cookie().unwrap(), 404),
    ] {
        let answer = program.get(path).header("cookie", cookie).send().await;
        assert_eq!(answer.unwrap().status(), expected, "{path}");
    }
    program.stop().await;

    assert!(ingest.events().is_empty(), "{}", ingest.text());
    assert!(ingest.transactions().is_empty(), "{}", ingest.text());
}

#[tokio::test]
async fn addresses_are_sent_only_if_that_is_enabled() {
    for (wanted, expected) in [("false", None), ("true", Some("203.0.113.9"))] {
        let ingest = Ingest::start().await;
        let program = Program::start(
            "trouble",
            &[
                NO_DATABASE,
                ("SENTRY_DSN", &ingest.dsn()),
                ("SENTRY_SEND_PII", wanted),
                ("CLIENT_IP_HEADER", "x-real-ip"),
            ],
        )
        .await;

        let request = program.get("/fails").header("x-real-ip", "203.0.113.9");
        assert_eq!(request.send().await.unwrap().status(), 500);
        program.stop().await;

        let event = &ingest.events()[0];
        assert_eq!(event["user"]["ip_address"].as_str(), expected);
        assert_eq!(ingest.text().contains("203.0.113.9"), expected.is_some());
    }
}

#[tokio::test]
async fn secrets_in_messages_of_a_handler_are_filtered() {
    let ingest = Ingest::start().await;
    let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
    let program = Program::start("trouble", &variables).await;

    assert_eq!(program.get("/leaks").send().await.unwrap().status(), 500);
    let (_, lines) = program.stop().await;

    assert_eq!(ingest.events().len(), 1);
    assert!(!ingest.logs().is_empty());
    for text in [ingest.text(), lines.concat()] {
        assert!(
            text.contains("mail to [filtered] with [filtered]"),
            "{text}"
        );
        for secret in ["leak.example", "leaked-", "pAQ8n2FvXb7Z"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn traces_and_errors_are_sampled_independently() {
    for (errors, traces, expected) in [("1", "0", (5, 0)), ("0", "1", (0, 5))] {
        let ingest = Ingest::start().await;
        let program = Program::start(
            "trouble",
            &[
                NO_DATABASE,
                ("SENTRY_DSN", &ingest.dsn()),
                ("SENTRY_SAMPLE_RATE", errors),
                ("SENTRY_TRACES_SAMPLE_RATE", traces),
            ],
        )
        .await;

        for _ in 0..5 {
            assert_eq!(program.get("/fails").send().await.unwrap().status(), 500);
        }
        program.stop().await;

        let came = (ingest.events().len(), ingest.transactions().len());
        assert_eq!(came, expected);
    }
}

#[tokio::test]
async fn lines_of_handlers_are_sent_as_logs() {
    let ingest = Ingest::start().await;
    let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
    let program = Program::start("trouble", &variables).await;

    let trace = "771a43a4192642f0b136d5159a501700";
    let request = program
        .get("/fine")
        .header("sentry-trace", format!("{trace}-b7ad6b7169203331-0"));
    assert_eq!(request.send().await.unwrap().status(), 204);
    program.stop().await;

    let logs = ingest.logs();
    let log = logs
        .iter()
        .find(|log| log["body"] == "a word on the way")
        .unwrap_or_else(|| panic!("{logs:#?}"));
    assert_eq!(log["level"], "info");
    assert_eq!(log["trace_id"], trace);
    assert!(ingest.events().is_empty());
    assert!(keys(log).contains("timestamp"));
}

#[tokio::test]
async fn a_malformed_dsn_is_reported_at_start_and_not_quoted() {
    let output = tokio::process::Command::new(crate::program::binary("trouble").await)
        .env_clear()
        .envs(testkit::process::counters())
        .envs([NO_DATABASE, ("SENTRY_DSN", "not a dsn with a key")])
        .output()
        .await
        .unwrap();

    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("SENTRY_DSN"), "{error}");
    assert!(!error.contains("with a key"), "{error}");
}

#[testkit::test]
async fn the_two_test_routes_send_events(db: PgPool) {
    let ingest = Ingest::start().await;
    let (dsn, database) = (ingest.dsn(), address(&db));
    let variables = [("DATABASE_URL", &*database), ("SENTRY_DSN", &dsn)];
    let program = Program::start("health", &variables).await;

    let tested = program.get("/sentry-test").send().await.unwrap();
    assert_eq!(tested.status(), 200);
    let failed = program.get("/sentry-error").send().await.unwrap();
    assert_eq!(failed.status(), 500);
    program.stop().await;

    let events = ingest.events();
    let [test, error] = &events[..] else {
        panic!("{events:#?}")
    };
    assert_eq!(test["tags"]["endpoint"], "sentry-test");
    let context = &test["contexts"]["test"];
    assert_eq!(context["environment"], "test");
    assert_eq!(context["feature"], "sentry-testing");
    let breadcrumbs = test["breadcrumbs"]["values"].as_array().unwrap();
    assert!(
        breadcrumbs
            .iter()
            .any(|crumb| crumb["message"] == "Sentry test endpoint called")
    );
    assert_eq!(
        error["exception"]["values"][0]["value"],
        "This is a test error for Sentry!"
    );
    assert_eq!(error["tags"]["function"], "health");
    assert_eq!(error["tags"]["cold_start"], "false");
    assert_eq!(error["tags"].get("endpoint"), None);
}
