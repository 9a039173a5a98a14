//! Metrics of this process in Prometheus form. Without a recorder they cost almost nothing.

use metrics::{counter, describe_counter, describe_histogram, histogram};

use super::{losses::Loss, summary::RequestSummary};

/// Methods that have their own label. A client may send any number of others.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
/// Policies of the rate limits.
const POLICIES: [&str; 5] = ["anon", "create", "read", "sentry", "write"];

/// Describes all metrics to the recorder and sets those with known labels to zero. So the first scrape contains every
/// name, and the first increase of a counter is visible. `route` is the group's route that is scraped.
pub fn describe_metrics(group: &'static str, route: &'static str) {
    describe_counter!("http_requests_total", "Requests answered");
    requests(group, route, "GET", 200).increment(0);
    describe_histogram!("http_request_duration_seconds", "Time to answer a request");
    let _ = durations(group, route, "GET");
    describe_histogram!(
        "db_query_duration_seconds",
        "Time to run a statement, waiting for a connection included"
    );
    let _ = histogram!("db_query_duration_seconds");
    describe_counter!(
        "rate_limited_total",
        "Requests over a quota of the rate limits"
    );
    for policy in POLICIES {
        counter!("rate_limited_total", "policy" => policy).increment(0);
    }
    describe_counter!(
        "sentry_dropped_total",
        "Envelopes that Sentry did not receive"
    );
    for reason in Loss::LABELS {
        counter!("sentry_dropped_total", "reason" => reason).increment(0);
    }
    describe_counter!(
        "cache_requests_total",
        "Lists asked for anonymously: found in Redis, not found, or Redis failed"
    );
    for result in ["hit", "miss", "error"] {
        counter!("cache_requests_total", "result" => result).increment(0);
    }
}

/// Counts a completed request.
pub(super) fn count(summary: &RequestSummary<'_>, seconds: f64) {
    let method = METHODS
        .into_iter()
        .find(|method| *method == summary.method)
        .unwrap_or("OTHER");
    requests(summary.group, summary.route, method, summary.status).increment(1);
    durations(summary.group, summary.route, method).record(seconds);
}

fn requests(
    group: &'static str,
    route: &'static str,
    method: &'static str,
    status: u16,
) -> metrics::Counter {
    counter!(
        "http_requests_total",
        "group" => group, "route" => route, "method" => method, "status" => status.to_string()
    )
}

fn durations(group: &'static str, route: &'static str, method: &'static str) -> metrics::Histogram {
    histogram!(
        "http_request_duration_seconds",
        "group" => group, "route" => route, "method" => method
    )
}
