//! A request's one log line; under Lambda the same line carries its metrics in CloudWatch's embedded metric format.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::{http::HeaderValue, response::Response};
use serde::Serialize;

use super::{Cause, request::Facts, scrub};
use crate::time::Timestamp;

/// Namespace of the metrics.
const NAMESPACE: &str = "CodeCave";

static TEXT: AtomicBool = AtomicBool::new(false);
static METRICS: AtomicBool = AtomicBool::new(false);
static SERVER_TIMING: AtomicBool = AtomicBool::new(false);

/// `text` for a terminal; `metrics` where CloudWatch reads the log.
pub(super) fn set_form(text: bool, metrics: bool, server_timing: bool) {
    TEXT.store(text, Ordering::Relaxed);
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
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    metrics: Option<Metrics>,
}

/// CloudWatch embedded metric format, specification of 2018-11-01.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metrics {
    #[serde(rename = "_aws")]
    aws: Directives,
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

/// Writes the request's line. Failures are errors, all else is information; both obey `RUST_LOG`.
pub(super) fn line(facts: &Facts<'_>, cause: Option<&Cause>) {
    let failed = facts.status >= 500;
    let error = cause.map(|cause| scrub::text(&format!("{:#}", cause.0)).into_owned());
    if TEXT.load(Ordering::Relaxed) {
        text(facts, error.as_deref());
        return;
    }
    let wanted = if failed {
        tracing::enabled!(tracing::Level::ERROR)
    } else {
        tracing::enabled!(tracing::Level::INFO)
    };
    if !wanted {
        return;
    }
    let timestamp = Timestamp::now();
    let line = Line {
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
        error,
        metrics: METRICS
            .load(Ordering::Relaxed)
            .then(|| metrics(facts, timestamp)),
    };
    if let Ok(mut line) = serde_json::to_vec(&line) {
        line.push(b'\n');
        // There is no better place to report that standard output is closed.
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

fn text(facts: &Facts<'_>, error: Option<&str>) {
    let Facts {
        method,
        route,
        status,
        duration_ms,
        ..
    } = facts;
    let statements = facts.usage.statements;
    if let Some(error) = error {
        tracing::error!(status, error, "{method} {route} {duration_ms} ms");
    } else {
        tracing::info!(status, statements, "{method} {route} {duration_ms} ms");
    }
}

fn metrics(facts: &Facts<'_>, timestamp: Timestamp) -> Metrics {
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
