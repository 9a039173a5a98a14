//! `GET /metrics` of the health function, as Prometheus reads it.

use std::collections::BTreeMap;

use prometheus_parse::{Sample, Scrape, Value};
use sqlx::PgPool;
use testkit::database::address;

use crate::{
    ada,
    program::{Program, parsed, with_message},
};

/// The names of all metrics in the contract.
const FAMILIES: [&str; 15] = [
    "cache_requests_total",
    "codecave_comments",
    "codecave_database_connections",
    "codecave_files",
    "codecave_follows",
    "codecave_likes",
    "codecave_objects_to_remove",
    "codecave_projects",
    "codecave_sessions_active",
    "codecave_users",
    "db_query_duration_seconds",
    "http_request_duration_seconds",
    "http_requests_total",
    "rate_limited_total",
    "sentry_dropped_total",
];

fn counter(sample: &Sample) -> f64 {
    match &sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
        other => panic!("{other:?}"),
    }
}

#[testkit::test]
async fn totals_equal_the_requests(db: PgPool) {
    ada(&db).await;
    let database = address(&db);
    let variables = [("DATABASE_URL", &*database), ("METRICS_TOKEN", "scrape-me")];
    let program = Program::start("health", &variables).await;
    let mut expected: BTreeMap<(&str, &str, u16), u32> = BTreeMap::new();
    for (path, route, times) in [
        ("/health", "/health", 3),
        ("/stats", "/stats", 2),
        ("/nothing", "unmatched", 4),
        ("/sentry-test", "/sentry-test", 7),
    ] {
        for _ in 0..times {
            let status = program.get(path).send().await.unwrap().status().as_u16();
            *expected.entry(("GET", route, status)).or_default() += 1;
        }
    }
    let made_up = reqwest::Method::from_bytes(b"BREW").unwrap();
    let status = program.request(made_up, "/health").send().await.unwrap();
    expected.insert(("OTHER", "unmatched", status.status().as_u16()), 1);
    // The scrape itself is counted after its response.
    expected.insert(("GET", "/metrics", 200), 0);
    let limited = expected[&("GET", "/sentry-test", 429)];

    let answer = program
        .get("/metrics")
        .bearer_auth("scrape-me")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();

    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let samples = |name: &str| -> Vec<&Sample> {
        scrape
            .samples
            .iter()
            .filter(|sample| sample.metric == name)
            .collect()
    };
    let mut found = BTreeMap::new();
    for sample in samples("http_requests_total") {
        assert_eq!(sample.labels.get("group"), Some("health"));
        let label = |name| sample.labels.get(name).unwrap();
        let key = (
            label("method"),
            label("route"),
            label("status").parse().unwrap(),
        );
        found.insert(key, counter(sample));
    }
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(key, count)| (key, f64::from(count)))
        .collect();
    assert_eq!(found, expected, "{text}");

    let counts: f64 = samples("http_request_duration_seconds")
        .iter()
        .map(|sample| match &sample.value {
            Value::Histogram(buckets) => buckets.last().unwrap().count,
            other => panic!("no histogram but {other:?}"),
        })
        .sum();
    assert!(
        (counts - expected.values().sum::<f64>()).abs() < 0.5,
        "{text}"
    );
    assert!(matches!(
        samples("db_query_duration_seconds")[0].value,
        Value::Histogram(_)
    ));
    let by_label = |name, label| -> BTreeMap<String, f64> {
        let labelled = samples(name).into_iter().map(|sample| {
            let label = sample.labels.get(label).unwrap();
            (label.to_owned(), counter(sample))
        });
        labelled.collect()
    };
    let totals = |labels: &[(&str, f64)]| -> BTreeMap<String, f64> {
        let totals = labels
            .iter()
            .map(|(label, total)| ((*label).to_owned(), *total));
        totals.collect()
    };
    assert_eq!(
        by_label("rate_limited_total", "policy"),
        totals(&[
            ("anon", 0.0),
            ("create", 0.0),
            ("read", 0.0),
            ("sentry", f64::from(limited)),
            ("write", 0.0),
        ])
    );
    assert_eq!(
        by_label("cache_requests_total", "result"),
        totals(&[("hit", 0.0), ("miss", 0.0), ("error", 0.0)])
    );
    assert_eq!(
        by_label("codecave_projects", "visibility"),
        totals(&[("public", 0.0), ("private", 0.0)])
    );
    assert!(by_label("codecave_database_connections", "state")["active"] > 0.5);
    assert!((counter(samples("codecave_users")[0]) - 1.0).abs() < 0.5);

    // Each name has one type and occurs once, and no name is missing.
    let types: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let mut sorted = types.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, FAMILIES);
}

#[testkit::test]
async fn the_first_scrape_has_every_name_and_two_statements(db: PgPool) {
    let ada = ada(&db).await;
    let (database, cookie) = (address(&db), ada.cookie().unwrap());
    let variables = [("DATABASE_URL", &*database), ("ADMIN_USER_IDS", &ada.id)];
    let program = Program::start("health", &variables).await;

    let answer = program.get("/metrics").header("cookie", cookie).send();
    let text = answer.await.unwrap().text().await.unwrap();
    let (_, lines) = program.stop().await;

    for name in FAMILIES {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}: {text}");
    }
    let log = parsed(&lines);
    let line = with_message(&log, "request")[0];
    assert_eq!(line["status"], 200);
    assert_eq!(line["dbStatements"], 2);
}
