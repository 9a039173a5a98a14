//! Figures of this process for whoever scrapes it. Without a recorder they cost next to nothing.

use super::request::Facts;

/// Methods that are told apart; a client may make up any number of others.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// Counts a request that has been answered.
pub(super) fn count(facts: &Facts<'_>, seconds: f64) {
    let method = METHODS
        .into_iter()
        .find(|method| *method == facts.method)
        .unwrap_or("OTHER");
    metrics::counter!(
        "http_requests_total",
        "group" => facts.group, "route" => facts.route,
        "method" => method, "status" => facts.status.to_string()
    )
    .increment(1);
    metrics::histogram!(
        "http_request_duration_seconds",
        "group" => facts.group, "route" => facts.route, "method" => method
    )
    .record(seconds);
}
