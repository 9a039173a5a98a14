//! A request's one log line; under Lambda a second one carries its metrics in CloudWatch's embedded metric format.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::{http::HeaderValue, response::Response};
use serde::Serialize;
use tracing::Level;
use tracing_subscriber::filter::Targets;

use super::{Cause, json, request::Facts, scrub};
use crate::time::Timestamp;

/// Where a request's line on a terminal comes from.
pub(super) const TARGET: &str = "request";
/// Namespace of the metrics.
const NAMESPACE: &str = "CodeCave";

// Nothing is written before telemetry has started, as in a test of a router.
static TEXT: AtomicBool = AtomicBool::new(false);
static INFORMATION: AtomicBool = AtomicBool::new(false);
static FAILURES: AtomicBool = AtomicBool::new(false);
static METRICS: AtomicBool = AtomicBool::new(false);
static SERVER_TIMING: AtomicBool = AtomicBool::new(false);

/// `text` for a terminal; `metrics` where CloudWatch reads the log.
pub(super) fn set_form(text: bool, filter: &Targets, metrics: bool, server_timing: bool) {
    let wanted = |level| filter.would_enable(TARGET, &level);
    TEXT.store(text, Ordering::Relaxed);
    INFORMATION.store(wanted(Level::INFO), Ordering::Relaxed);
    FAILURES.store(wanted(Level::ERROR), Ordering::Relaxed);
    METRICS.store(metrics, Ordering::Relaxed);
    SERVER_TIMING.store(server_timing, Ordering::Relaxed);
}

/// Milliseconds with two decimals.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'r> {
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

/// CloudWatch embedded metric format, specification of 2018-11-01. Not in the request's own line: who reads the log is
/// spared it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metrics<'r> {
    #[serde(rename = "_aws")]
    aws: Directives,
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
struct Directives {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 2],
    metrics: [Definition; 7],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

/// Writes the request's line and its metrics. Failures are errors, all else is information; both obey `RUST_LOG`, which
/// metrics do not.
pub(super) fn line(facts: &Facts<'_>) {
    let failed = facts.status >= 500;
    let wanted = if failed { &FAILURES } else { &INFORMATION };
    let timestamp = Timestamp::now();
    if TEXT.load(Ordering::Relaxed) {
        text(facts, failed);
    } else if wanted.load(Ordering::Relaxed) {
        json::write(&Line {
            timestamp,
            level: if failed { "ERROR" } else { "INFO" },
            message: "request",
            request_id: facts.request_id,
            trace_id: facts.trace_id,
            function: facts.group,
            route: facts.route,
            method: facts.method,
            status: facts.status,
            duration_ms: facts.duration_ms,
            user_id: facts.user_id,
            cold_start: facts.cold_start,
            db_statements: facts.usage.statements,
            db_ms: millis(facts.usage.time),
        });
    }
    if METRICS.load(Ordering::Relaxed) {
        json::write(&metrics(facts, timestamp));
    }
}

fn text(facts: &Facts<'_>, failed: bool) {
    let Facts {
        method,
        route,
        status,
        duration_ms,
        ..
    } = facts;
    let statements = facts.usage.statements;
    if failed {
        tracing::error!(target: TARGET, status, statements, "{method} {route} {duration_ms} ms");
    } else {
        tracing::info!(target: TARGET, status, statements, "{method} {route} {duration_ms} ms");
    }
}

/// Tells why a request failed, beside its line.
pub(super) fn cause(facts: &Facts<'_>, cause: &Cause) {
    let error = format!("{:#}", cause.0);
    tracing::error!(
        requestId = facts.request_id,
        route = facts.route,
        status = facts.status,
        error = scrub::text(&error).as_ref(),
        "request failed"
    );
}

fn metrics<'r>(facts: &Facts<'r>, timestamp: Timestamp) -> Metrics<'r> {
    let count = |name| Definition {
        name,
        unit: "Count",
    };
    let time = |name| Definition {
        name,
        unit: "Milliseconds",
    };
    Metrics {
        aws: Directives {
            timestamp: timestamp.millis(),
            cloud_watch_metrics: [Directive {
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
        function: facts.group,
        route: facts.route,
        requests: 1,
        client_errors: u8::from((400..500).contains(&facts.status)),
        server_errors: u8::from(facts.status >= 500),
        rate_limited: u8::from(facts.status == 429),
        cold_starts: u8::from(facts.cold_start),
        latency: facts.duration_ms,
        database_time: millis(facts.usage.time),
    }
}

/// `Server-Timing` (W3C, 2023) for a developer's browser; off by default, since it tells about the inside.
pub(super) fn server_timing(facts: &Facts<'_>, response: &mut Response) {
    if !SERVER_TIMING.load(Ordering::Relaxed) {
        return;
    }
    let value = format!(
        "session;dur={}, db;dur={}, total;dur={}",
        millis(facts.usage.session_time),
        millis(facts.usage.time),
        facts.duration_ms
    );
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert("server-timing", value);
    }
}
