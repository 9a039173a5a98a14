//! The data of a finished request, for its log line, its metrics and its Sentry events.

use std::{net::IpAddr, time::Duration};

use super::statements::DatabaseUsage;

/// The data of a request that logs, metrics and Sentry report.
pub(super) struct RequestSummary<'r> {
    pub group: &'static str,
    pub request_id: &'r str,
    pub trace_id: Option<&'r str>,
    pub route: &'static str,
    pub method: &'r str,
    pub status: u16,
    pub duration_ms: f64,
    pub user_id: Option<&'r str>,
    pub address: Option<IpAddr>,
    pub cold_start: bool,
    pub database: DatabaseUsage,
}

/// Returns milliseconds with two decimals.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
