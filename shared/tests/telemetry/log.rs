//! Log lines: those of requests, those of handlers, and their selection.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use sqlx::PgPool;
use testkit::{database::address, process::listening};

use crate::{
    ada,
    ingest::Ingest,
    program::{Program, binary, parsed, terminate, with_message},
};

#[testkit::test]
async fn a_request_is_logged_as_one_line_with_these_fields(db: PgPool) {
    let ada = ada(&db).await;
    let program = Program::start("trouble", &[("DATABASE_URL", &address(&db))]).await;

    let request = program
        .get("/mine/1?a=query")
        .header("cookie", ada.cookie().unwrap());
    let answer = request.send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap();
    let request_id = request_id.to_owned();
    program.get("/nothing-here").send().await.unwrap();
    let (_, lines) = program.stop().await;

    let log = parsed(&lines);
    let requests = with_message(&log, "request");
    assert_eq!(requests.len(), 2, "{log:#?}");
    for line in &requests {
        let fields: BTreeSet<&str> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            fields,
            BTreeSet::from([
                "timestamp",
                "level",
                "message",
                "requestId",
                "traceId",
                "function",
                "route",
                "method",
                "status",
                "durationMs",
                "userId",
                "coldStart",
                "dbStatements",
                "dbMs",
            ])
        );
    }
    let line = requests[0];
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["requestId"], request_id.as_str());
    assert_eq!(line["traceId"], Value::Null);
    assert_eq!(line["function"], "trouble");
    assert_eq!(line["route"], "/mine/{thingId}");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["status"], 404);
    assert_eq!(line["userId"], ada.id.as_str());
    assert_eq!(line["coldStart"], true);
    assert_eq!(line["dbStatements"], 2);
    let (total, database) = (line["durationMs"].as_f64(), line["dbMs"].as_f64());
    assert!(total > database && database > Some(0.0), "{line}");
    assert_eq!(line["timestamp"].as_str().unwrap().len(), 24);

    let line = requests[1];
    assert_eq!(line["route"], "unmatched");
    assert_eq!(line["userId"], Value::Null);
    assert_eq!(line["coldStart"], false);
    assert_eq!(line["dbStatements"], 0);
}

#[testkit::test]
async fn a_slow_statement_is_logged_with_its_route(db: PgPool) {
    let program = Program::start("trouble", &[("DATABASE_URL", &address(&db))]).await;

    // sqlx itself logs statements that take a second.
    for seconds in ["0", "0.25", "1.1"] {
        let answer = program.request(Method::POST, &format!("/slow/{seconds}"));
        let answer = answer.send().await;
        assert_eq!(answer.unwrap().status(), 204);
    }
    let (_, lines) = program.stop().await;

    let log = parsed(&lines);
    let requests = with_message(&log, "request");
    let all_slow = with_message(&log, "slow statement");
    // On a busy machine other statements may be slow too.
    let slow: Vec<&Value> = all_slow
        .iter()
        .copied()
        .filter(|line| line["statement"] == "select pg_sleep($1)")
        .filter(|line| line["requestId"] != requests[0]["requestId"])
        .collect();
    assert_eq!(slow.len(), 2, "{log:#?}");
    assert!(all_slow.iter().all(|line| line["ms"].as_u64() >= Some(200)));
    assert_eq!(requests.len(), 3, "{log:#?}");
    assert_eq!(log.len(), 1 + 3 + all_slow.len(), "{log:#?}");
    let line = slow[0];
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["route"], "/slow/{seconds}");
    assert_eq!(line["fingerprint"].as_str().unwrap().len(), 16);
    assert_eq!(line["fingerprint"], slow[1]["fingerprint"]);
    assert!(line["ms"].as_u64() >= Some(200));
    assert_eq!(line["requestId"], requests[1]["requestId"]);
}

#[tokio::test]
async fn rust_log_selects_the_lines() {
    let ingest = Ingest::start().await;
    for (filter, expected) in [
        ("info", &["listening", "a word on the way", "request"][..]),
        ("warn", &[]),
        ("off,trouble=info", &["a word on the way"]),
        ("off,request=info", &["request"]),
    ] {
        for sentry in ["", &ingest.dsn()] {
            let program = Program::start(
                "trouble",
                &[
                    ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
                    ("RUST_LOG", filter),
                    ("SENTRY_DSN", sentry),
                ],
            )
            .await;
            assert_eq!(program.get("/fine").send().await.unwrap().status(), 204);

            let (_, lines) = program.stop().await;

            let log = parsed(&lines);
            let messages: Vec<&Value> = log.iter().map(|line| &line["message"]).collect();
            assert_eq!(messages, expected, "{filter}");
        }
    }
}

#[tokio::test]
async fn a_terminal_gets_text() {
    // `script` runs the program in a terminal.
    let Some(script) = testkit::programs::find("script") else {
        eprintln!("skipped: there is no `script` on this machine");
        return;
    };
    let port = testkit::ports::free_port().unwrap();
    let binary = binary("trouble").await;
    let output = tokio::process::Command::new("timeout")
        .args(["-s", "TERM", "60"])
        .arg(script)
        .args(["-qefc", &format!("exec {}", binary.display()), "/dev/null"])
        .env("PORT", port.to_string())
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    listening(port).await.unwrap();
    for path in ["fine", "leaks"] {
        reqwest::get(format!("{url}/{path}")).await.unwrap();
    }
    // `timeout` forwards the signal.
    terminate(&output).await;
    let output = output.wait_with_output().await.unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("GET /fine"), "{text}");
    assert!(!text.contains(r#"{"timestamp""#), "{text}");
    assert!(text.contains("mail to [filtered]"), "{text}");
    for secret in ["leak.example", "leaked-", "pAQ8n2FvXb7Z"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[testkit::test]
async fn server_timing_is_sent_if_it_is_enabled(db: PgPool) {
    let ada = ada(&db).await;
    let database = address(&db);
    for (switch, expected) in [("on", true), ("off", false)] {
        let variables = [("DATABASE_URL", &*database), ("SERVER_TIMING", switch)];
        let program = Program::start("trouble", &variables).await;
        let request = program
            .get("/mine/1")
            .header("cookie", ada.cookie().unwrap());

        let answer = request.send().await.unwrap();

        let timing = answer.headers().get("server-timing");
        assert_eq!(timing.is_some(), expected);
        if let Some(timing) = timing {
            let durations: Vec<f64> = timing
                .to_str()
                .unwrap()
                .split(", ")
                .zip(["session", "db", "total"])
                .map(|(metric, name)| {
                    let duration = metric.strip_prefix(&format!("{name};dur=")).unwrap();
                    duration.parse().unwrap()
                })
                .collect();
            let [session, db, total] = durations[..] else {
                panic!("{timing:?}")
            };
            assert!(0.0 < session && 0.0 < db && db < total, "{timing:?}");
        }
    }
}
