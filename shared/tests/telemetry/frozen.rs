//! Telemetry in an emulated Lambda that freezes the process between invocations.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{
    database::address,
    emulator::{Instance, SHUTDOWN_LIMIT},
    timing::within,
};
use tokio::time::sleep;

use crate::{
    PATIENCE, ada,
    ingest::Ingest,
    program::{COMMON, binary, parsed, with_message},
};

pub const NO_DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");

/// Returns an API Gateway event with payload format 2.0.
pub fn get(path: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "api.example", "accept": "*/*" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.17",
                "userAgent": "test"
            },
            "requestId": "id=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "15/Jan/2025:10:30:00 +0000",
            "timeEpoch": 1_736_937_000_000_u64
        },
        "isBase64Encoded": false
    })
}

pub async fn instance(name: &str, variables: &[(&str, &str)]) -> Instance {
    let variables = [&COMMON[..], variables].concat();
    Instance::start(&binary(name).await, &variables)
        .await
        .unwrap()
}

/// An invocation and the sending of its error take less than this, unless other processes use the processors. The freeze waits
/// for 250 ms.
const TIME_TO_SEND: Duration = Duration::from_millis(240);
/// Sentry stores an error after this time, so that a freeze that does not wait comes first.
const DELAY: Duration = Duration::from_millis(15);
/// Number of instances after which a test gives up. On a busy machine not each of them sends an error in time.
const INSTANCES: usize = 20;

/// Lets requests fail, and freezes the instance after each. Asserts that Sentry has received each error before the freeze. Returns
/// the number of errors until all were sent, or until one was delayed by a busy machine.
async fn errors_before_freeze(function: &Instance, ingest: &Ingest, errors: usize) -> usize {
    for sent in 0..errors {
        let started = Instant::now();
        let answer = function.invoke(&get("/fails")).await.unwrap();
        assert_eq!(answer.response["statusCode"], 500);
        function.freeze().await.unwrap();
        if started.elapsed() > TIME_TO_SEND {
            return sent;
        }
        // The process is frozen, so nothing more is sent.
        assert_eq!(ingest.events().len(), sent + 1);
        function.thaw().unwrap();
    }
    errors
}

#[tokio::test]
async fn every_error_is_sent_before_the_freeze() {
    let mut errors = 0;
    for _ in 0..INSTANCES {
        let ingest = Ingest::slow(DELAY).await;
        let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
        let function = instance("trouble", &variables).await;

        errors += errors_before_freeze(&function, &ingest, 100).await;

        let events = ingest.events();
        let ids: BTreeSet<String> = events
            .iter()
            .map(|event| event["tags"]["request_id"].to_string())
            .collect();
        assert_eq!(ids.len(), events.len());
        if errors >= 100 {
            return;
        }
    }
    panic!("only {errors} errors were sent in time");
}

#[tokio::test]
async fn the_response_does_not_wait_for_sentry() {
    within(Duration::from_millis(100), async || {
        let ingest = Ingest::slow(Duration::from_mins(1)).await;
        let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
        let function = instance("trouble", &variables).await;
        function.invoke(&get("/fails")).await.unwrap().duration
    })
    .await;
}

#[tokio::test]
async fn the_last_error_is_sent_before_the_process_is_frozen() {
    for _ in 0..INSTANCES {
        let ingest = Ingest::slow(DELAY).await;
        let variables = [
            NO_DATABASE,
            ("SENTRY_DSN", &ingest.dsn()),
            ("SENTRY_TRACES_SAMPLE_RATE", "0"),
        ];
        let function = instance("trouble", &variables).await;
        if errors_before_freeze(&function, &ingest, 1).await == 1 {
            return;
        }
    }
    panic!("no error was sent in time");
}

#[tokio::test]
async fn a_slow_sentry_delays_the_freeze_once_and_briefly() {
    let (first, later) = (Duration::from_secs(1), Duration::from_millis(150));
    within(later, async || {
        let ingest = Ingest::slow(Duration::from_mins(1)).await;
        let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
        let function = instance("trouble", &variables).await;

        let mut held = Vec::new();
        for _ in 0..2 {
            let invoked = Instant::now();
            function.invoke(&get("/fails")).await.unwrap();
            function.settled().await.unwrap();
            held.push(invoked.elapsed());
        }

        // The extension waits for 250 ms.
        assert!(held[0] >= Duration::from_millis(250), "{held:?}");
        if held[0] < first { held[1] } else { held[0] }
    })
    .await;
}

#[tokio::test]
async fn an_invalid_event_does_not_delay_the_freeze() {
    for _ in 0..INSTANCES {
        let ingest = Ingest::slow(DELAY).await;
        let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
        let function = instance("trouble", &variables).await;

        let invoked = Instant::now();
        let failure = function.invoke(&json!({ "no": "request" })).await;
        assert!(failure.is_err(), "{failure:?}");
        function.settled().await.unwrap();
        let held = invoked.elapsed();
        // An extension that misses the end of the invocation waits for its time limit of 30 seconds.
        assert!(held < Duration::from_secs(15), "{held:?}");
        if held > TIME_TO_SEND {
            // The failure's log line was not sent in time, and the next freeze does not wait for Sentry.
            continue;
        }

        // The failed invocation does not disturb the count of requests that are over.
        if errors_before_freeze(&function, &ingest, 1).await == 1 {
            return;
        }
    }
    panic!("no error was sent in time");
}

#[testkit::test]
async fn nothing_is_sent_without_errors_and_traces(db: PgPool) {
    let ingest = Ingest::start().await;
    let (database, dsn) = (address(&db), ingest.dsn());
    let variables = [
        ("DATABASE_URL", &*database),
        ("SENTRY_TRACES_SAMPLE_RATE", "0"),
        ("SENTRY_DSN", &dsn),
    ];
    let with = instance("trouble", &variables).await;
    let without = instance("trouble", &variables[..1]).await;

    let mut held = [Vec::new(), Vec::new()];
    for _ in 0..100 {
        for (function, held) in [&with, &without].into_iter().zip(&mut held) {
            let answer = function.invoke(&get("/slow/0")).await.unwrap();
            assert_eq!(answer.response["statusCode"], 204);
            let answered = Instant::now();
            function.settled().await.unwrap();
            held.push(answered.elapsed());
        }
    }

    assert!(ingest.text().is_empty(), "{}", ingest.text());
    for times in &mut held {
        times.sort();
    }
    eprintln!(
        "median until the instance can be frozen: {:?} with Sentry, {:?} without",
        held[0][50], held[1][50]
    );
}

#[tokio::test]
async fn no_extension_is_registered_without_sentry() {
    let function = instance("trouble", &[NO_DATABASE]).await;
    let answer = function.invoke(&get("/fine")).await.unwrap();
    assert_eq!(answer.response["statusCode"], 204);

    let status = function.stop().await.unwrap();

    // Lambda sends SIGTERM only to instances with extensions. This one got SIGKILL.
    assert_eq!(format!("{status}"), "signal: 9 (SIGKILL)");
}

#[tokio::test]
async fn an_instance_with_sentry_sends_everything_and_ends_on_sigterm() {
    within(SHUTDOWN_LIMIT, async || {
        let ingest = Ingest::start().await;
        let variables = [NO_DATABASE, ("SENTRY_DSN", &ingest.dsn())];
        let function = instance("trouble", &variables).await;
        function.invoke(&get("/fails")).await.unwrap();

        let stopped = Instant::now();
        let status = function.stop().await.unwrap();
        let took = stopped.elapsed();
        if took >= SHUTDOWN_LIMIT {
            // The instance was killed.
            return took;
        }
        assert_eq!(status.code(), Some(0), "{status}");
        assert_eq!(ingest.events().len(), 1);
        took
    })
    .await;
}

/// The JSON schema of the embedded metric format, from its specification:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
const EMF_SCHEMA: &str = include_str!("emf-schema.json");

/// Checks what the schema cannot express: each referenced name exists, dimensions are texts, and metrics are numbers.
fn check_references(line: &Value) {
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for set in directive["Dimensions"].as_array().unwrap() {
            for dimension in set.as_array().unwrap() {
                let value = line[dimension.as_str().unwrap()].as_str().unwrap();
                assert!(!value.is_empty() && value.len() <= 1024, "{line}");
            }
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_number(), "{name} in {line}");
        }
    }
}

/// Returns namespace, metric and values of the dimensions of each custom metric. AWS charges for each.
fn custom_metrics(lines: &[&Value]) -> BTreeSet<(String, String, Vec<String>)> {
    let mut metrics = BTreeSet::new();
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for set in directive["Dimensions"].as_array().unwrap() {
                let values: Vec<String> = set
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|dimension| {
                        line[dimension.as_str().unwrap()]
                            .as_str()
                            .unwrap()
                            .to_owned()
                    })
                    .collect();
                for metric in directive["Metrics"].as_array().unwrap() {
                    metrics.insert((
                        directive["Namespace"].as_str().unwrap().to_owned(),
                        metric["Name"].as_str().unwrap().to_owned(),
                        values.clone(),
                    ));
                }
            }
        }
    }
    metrics
}

#[testkit::test]
async fn metrics_are_written_in_the_embedded_metric_format(db: PgPool) {
    let database = address(&db);
    let variables = [
        ("DATABASE_URL", &*database),
        ("RUST_LOG", "info"),
        ("METRICS_NAMESPACE", "codecave-test"),
    ];
    let function = instance("health", &variables).await;
    for (path, expected) in [
        ("/health", 200),
        ("/nothing-here", 404),
        ("/stats", 200),
        ("/sentry-error", 500),
    ] {
        let answer = function.invoke(&get(path)).await.unwrap();
        assert_eq!(answer.response["statusCode"], expected, "{path}");
    }
    let mut limited = 0;
    for _ in 0..6 {
        let answer = function.invoke(&get("/sentry-test")).await.unwrap();
        limited += u64::from(answer.response["statusCode"] == 429);
    }
    assert!(limited > 0);
    function.settled().await.unwrap();

    let log = parsed(&function.logs());
    let lines: Vec<&Value> = log
        .iter()
        .filter(|line| line.get("_aws").is_some())
        .collect();
    assert_eq!(lines.len(), 10, "{log:#?}");
    assert_eq!(with_message(&log, "request").len(), 10);
    let schema = jsonschema::validator_for(&serde_json::from_str(EMF_SCHEMA).unwrap()).unwrap();
    for line in &lines {
        let errors: Vec<String> = schema
            .iter_errors(line)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?} in {line}");
        check_references(line);
        assert_eq!(line["function"], "health");
    }
    // The count of docs/telemetry.md: seven of the function, three of each of the five routes, one of the version.
    let metrics = custom_metrics(&lines);
    assert_eq!(metrics.len(), 7 + 3 * 5 + 1, "{metrics:#?}");
    assert!(
        metrics
            .iter()
            .all(|(namespace, ..)| namespace == "codecave-test")
    );
    let total = |name: &str| -> f64 { lines.iter().map(|line| line[name].as_f64().unwrap()).sum() };
    let count = |name: &str, expected: f64| {
        assert!(
            (total(name) - expected).abs() < 0.5,
            "{name}: {}",
            total(name)
        );
    };
    count("Requests", 10.0);
    count("ServerErrors", 1.0);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    count("RateLimited", limited as f64);
    count("ColdStarts", 1.0);
    assert!(total("Latency") > total("DatabaseTime") && total("DatabaseTime") > 0.0);
    let routes: Vec<&Value> = lines.iter().map(|line| &line["route"]).collect();
    assert_eq!(
        routes[..4],
        ["/health", "unmatched", "/stats", "/sentry-error"]
    );
}

#[testkit::test]
async fn the_user_is_reported_under_lambda_too(db: PgPool) {
    let ingest = Ingest::start().await;
    let ada = ada(&db).await;
    let (database, dsn) = (address(&db), ingest.dsn());
    let variables = [("DATABASE_URL", &*database), ("SENTRY_DSN", &dsn)];
    let function = instance("trouble", &variables).await;
    let mut event = get("/mine/1/panic");
    event["cookies"] = json!([ada.cookie().unwrap()]);

    let answer = function.invoke(&event).await.unwrap();
    assert_eq!(answer.response["statusCode"], 500);
    let deadline = Instant::now() + PATIENCE;
    while ingest.events().is_empty() {
        assert!(Instant::now() < deadline, "{:#?}", function.logs());
        sleep(Duration::from_millis(5)).await;
    }

    assert_eq!(ingest.events()[0]["user"]["id"], ada.id.as_str());
    let log = parsed(&function.logs());
    let line = with_message(&log, "request")[0];
    assert_eq!(line["userId"], ada.id.as_str());
    assert_eq!(
        line["requestId"],
        ingest.events()[0]["tags"]["request_id"],
        "the request id of Lambda"
    );
}
