//! A request's metrics in CloudWatch's embedded metric format, specification of 2018-11-01.
//!
//! Every combination of a metric and the values of its dimensions is a custom metric that costs $0.30 a month. A route
//! has three metrics, a function seven, and a version of a function one.

use std::{
    env,
    sync::{LazyLock, OnceLock},
};

use serde::Serialize;

use super::{
    json,
    summary::{RequestSummary, millis},
};
use crate::time::Timestamp;

/// The namespace, which keeps the deployments of an account apart (`METRICS_NAMESPACE`).
static NAMESPACE: LazyLock<String> = LazyLock::new(|| {
    let given = env::var("METRICS_NAMESPACE").ok();
    given
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "CodeCave".to_owned())
});

/// Version of the function, which Lambda sets. It distinguishes a new version from its predecessor.
static VERSION: LazyLock<String> =
    LazyLock::new(|| env::var("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_default());

/// The group of this process.
static GROUP: OnceLock<&str> = OnceLock::new();

/// Sets the group of this process. Later calls have no effect.
pub(super) fn set_group(group: &'static str) {
    let _ = GROUP.set(group);
}

/// The number of envelopes that Sentry did not receive.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DroppedMetrics {
    #[serde(rename = "_aws")]
    aws: Metadata,
    #[serde(rename = "function")]
    function: &'static str,
    sentry_dropped: u64,
}

/// The metrics of a request. They are on a line of their own, so that the log line stays short.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EmbeddedMetrics<'r> {
    #[serde(rename = "_aws")]
    aws: Metadata,
    #[serde(rename = "function")]
    function: &'r str,
    #[serde(rename = "route")]
    route: &'r str,
    #[serde(rename = "version")]
    version: &'r str,
    requests: u8,
    client_errors: u8,
    server_errors: u8,
    rate_limited: u8,
    cold_starts: u8,
    latency: f64,
    database_time: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: Vec<MetricDirective>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDirective {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: Vec<MetricDefinition>,
}

impl MetricDirective {
    fn new(dimensions: &'static [&'static str], metrics: Vec<MetricDefinition>) -> Self {
        Self {
            namespace: &NAMESPACE,
            dimensions: [dimensions],
            metrics,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDefinition {
    name: &'static str,
    unit: &'static str,
}

/// Writes the metrics of a request to standard output.
pub(super) fn write(summary: &RequestSummary<'_>, timestamp: Timestamp) {
    let count = |name| MetricDefinition {
        name,
        unit: "Count",
    };
    let time = |name| MetricDefinition {
        name,
        unit: "Milliseconds",
    };
    json::write(&EmbeddedMetrics {
        aws: Metadata {
            timestamp: timestamp.millis(),
            cloud_watch_metrics: vec![
                MetricDirective::new(
                    &["function"],
                    vec![
                        count("Requests"),
                        count("ClientErrors"),
                        count("ServerErrors"),
                        count("RateLimited"),
                        count("ColdStarts"),
                        time("Latency"),
                        time("DatabaseTime"),
                    ],
                ),
                MetricDirective::new(
                    &["function", "route"],
                    vec![count("Requests"), count("ServerErrors"), time("Latency")],
                ),
                MetricDirective::new(&["function", "version"], vec![count("ServerErrors")]),
            ],
        },
        function: summary.group,
        route: summary.route,
        version: &VERSION,
        requests: 1,
        client_errors: u8::from((400..500).contains(&summary.status)),
        server_errors: u8::from(summary.status >= 500),
        rate_limited: u8::from(summary.status == 429),
        cold_starts: u8::from(summary.cold_start),
        latency: summary.duration_ms,
        database_time: millis(summary.database.time),
    });
}

/// Writes the number of envelopes that Sentry did not receive to standard output.
pub(super) fn write_dropped(dropped: u64) {
    json::write(&DroppedMetrics {
        aws: Metadata {
            timestamp: Timestamp::now().millis(),
            cloud_watch_metrics: vec![MetricDirective::new(
                &["function"],
                vec![MetricDefinition {
                    name: "SentryDropped",
                    unit: "Count",
                }],
            )],
        },
        function: GROUP.get().copied().unwrap_or("unknown"),
        sentry_dropped: dropped,
    });
}
