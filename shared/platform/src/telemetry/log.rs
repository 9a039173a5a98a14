//! A request's log line and the line of its cause.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::{
    cause::Cause,
    embedded_metrics, json, scrub,
    summary::{RequestSummary, millis},
};
use crate::time::Timestamp;

/// Target of a request's line on a terminal.
pub(super) const TARGET: &str = "request";

/// The format of log lines, and their selection.
pub(super) struct LogFormat {
    /// Write text for a terminal instead of JSON.
    pub text: bool,
    /// Log requests that did not fail.
    pub successes: bool,
    /// Log requests with a status of 500 or above.
    pub failures: bool,
    /// Write metrics for CloudWatch.
    pub embedded_metrics: bool,
    /// Send `Server-Timing` headers.
    pub server_timing: bool,
}

/// Empty until telemetry has started, for example in a test of a router. Then nothing is written.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Sets the format. Later calls in the same process have no effect.
pub(super) fn set_format(format: LogFormat) {
    let _ = FORMAT.set(format);
}

/// Returns whether metrics for CloudWatch are written.
pub(super) fn writes_embedded_metrics() -> bool {
    FORMAT.get().is_some_and(|format| format.embedded_metrics)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestLine<'r> {
    timestamp: Timestamp,
    level: &'static str,
    message: &'static str,
    request_id: &'r str,
    trace_id: Option<&'r str>,
    function: &'r str,
    route: &'r str,
    method: &'r str,
    status: u16,
    duration_ms: f64,
    user_id: Option<&'r str>,
    cold_start: bool,
    db_statements: u32,
    db_ms: f64,
}

/// Writes the request's line and, under Lambda, its metrics. A failure has the level ERROR, any other request INFO.
/// `RUST_LOG` filters the line and not the metrics.
pub(super) fn request_line(summary: &RequestSummary<'_>) {
    let Some(format) = FORMAT.get() else {
        return;
    };
    let failed = summary.status >= 500;
    let wanted = if failed {
        format.failures
    } else {
        format.successes
    };
    let timestamp = Timestamp::now();
    if format.text {
        text(summary, failed);
    } else if wanted {
        json::write(&RequestLine {
            timestamp,
            level: if failed { "ERROR" } else { "INFO" },
            message: "request",
            request_id: summary.request_id,
            trace_id: summary.trace_id,
            function: summary.group,
            route: summary.route,
            method: summary.method,
            status: summary.status,
            duration_ms: summary.duration_ms,
            user_id: summary.user_id,
            cold_start: summary.cold_start,
            db_statements: summary.database.statements,
            db_ms: millis(summary.database.time),
        });
    }
    if format.embedded_metrics {
        embedded_metrics::write(summary, timestamp);
    }
}

fn text(summary: &RequestSummary<'_>, failed: bool) {
    let RequestSummary {
        method,
        route,
        status,
        duration_ms,
        ..
    } = summary;
    let statements = summary.database.statements;
    if failed {
        tracing::error!(target: TARGET, status, statements, "{method} {route} {duration_ms} ms");
    } else {
        tracing::info!(target: TARGET, status, statements, "{method} {route} {duration_ms} ms");
    }
}

/// Logs why a request failed.
pub(super) fn cause(summary: &RequestSummary<'_>, cause: &Cause) {
    let error = format!("{:#}", cause.0);
    tracing::error!(
        requestId = summary.request_id,
        route = summary.route,
        status = summary.status,
        error = scrub::text(&error).as_ref(),
        "request failed"
    );
}

/// Adds `Server-Timing` (W3C, 2023) for a developer's browser. It is off by default, because it reveals internals.
pub(super) fn server_timing(summary: &RequestSummary<'_>, headers: &mut HeaderMap) {
    if !FORMAT.get().is_some_and(|format| format.server_timing) {
        return;
    }
    let value = format!(
        "session;dur={}, db;dur={}, total;dur={}",
        millis(summary.database.session_time),
        millis(summary.database.time),
        summary.duration_ms
    );
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert("server-timing", value);
    }
}
