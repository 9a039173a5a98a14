//! A request's metrics in CloudWatch's embedded metric format, specification of 2018-11-01.

use serde::Serialize;

use super::{
    json,
    summary::{RequestSummary, millis},
};
use crate::time::Timestamp;

const NAMESPACE: &str = "CodeCave";

/// A line of its own, so that the request's log line stays short.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EmbeddedMetrics<'r> {
    #[serde(rename = "_aws")]
    aws: Metadata,
    #[serde(rename = "function")]
    function: &'r str,
    #[serde(rename = "route")]
    route: &'r str,
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
    cloud_watch_metrics: [MetricDirective; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDirective {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 2],
    metrics: [MetricDefinition; 7],
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
            cloud_watch_metrics: [MetricDirective {
                namespace: NAMESPACE,
                dimensions: [&["function"], &["function", "route"]],
                metrics: [
                    count("Requests"),
                    count("ClientErrors"),
                    count("ServerErrors"),
                    count("RateLimited"),
                    count("ColdStarts"),
                    time("Latency"),
                    time("DatabaseTime"),
                ],
            }],
        },
        function: summary.group,
        route: summary.route,
        requests: 1,
        client_errors: u8::from((400..500).contains(&summary.status)),
        server_errors: u8::from(summary.status >= 500),
        rate_limited: u8::from(summary.status == 429),
        cold_starts: u8::from(summary.cold_start),
        latency: summary.duration_ms,
        database_time: millis(summary.database.time),
    });
}
