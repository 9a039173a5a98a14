//! `GET /metrics` of the health function, as Prometheus reads it.

use std::collections::BTreeMap;

use prometheus_parse::{Sample, Scrape, Value};
use sqlx::PgPool;

use crate::{ada, program::Program, url_of};

fn counter(sample: &Sample) -> f64 {
    match &sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
        other => panic!("{other:?}"),
    }
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn totals_equal_the_requests_that_were_made(db: PgPool) {
    ada(&db).await;
    let database = url_of(&db);
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
    let limits = samples("rate_limited_total");
    assert_eq!(limits[0].labels.get("policy"), Some("sentry"));
    assert!((counter(limits[0]) - f64::from(limited)).abs() < 0.5);
    assert!((counter(samples("codecave_users")[0]) - 1.0).abs() < 0.5);

    // Each name has one type and one place, and nothing was passed over.
    let types: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let mut once = types.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(types.len(), once.len());
}
