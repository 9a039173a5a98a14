//! A request in Sentry: the hub, the transaction, its child spans. Without a DSN, nothing happens.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method};
use sentry::{
    Hub, TransactionContext, TransactionOrSpan,
    protocol::{
        Context, DynamicSamplingContext, Event, Exception, IpAddress, Level, Mechanism, SpanStatus,
        User, Value,
    },
};

use super::{
    baggage,
    cause::{Cause, Panic},
    log,
    statement_text::one_line,
    summary::RequestSummary,
};

/// The settings of Sentry while it is on.
struct SentrySettings {
    send_pii: bool,
}

/// Empty while Sentry is off.
static SENTRY: OnceLock<SentrySettings> = OnceLock::new();

/// Turns Sentry on. Later calls in the same process have no effect.
pub(super) fn switch_on(send_pii: bool) {
    let _ = SENTRY.set(SentrySettings { send_pii });
}

/// Returns whether Sentry is on.
pub fn is_on() -> bool {
    SENTRY.get().is_some()
}

/// A child span of the request. It ends when it is dropped.
pub struct Span(sentry::Span);

impl Drop for Span {
    fn drop(&mut self) {
        self.0.clone().finish();
    }
}

/// Starts a child span of the current request. `op` is one of Sentry's operations, for example `db.sql.query`.
pub fn span(op: &str, description: &str) -> Option<Span> {
    if !is_on() {
        return None;
    }
    let parent = Hub::with_active(|hub| hub.configure_scope(|scope| scope.get_span()))?;
    Some(Span(parent.start_child(op, description)))
}

/// Starts a child span for an SQL statement. Its text contains no values, because they are bound.
pub fn statement_span(sql: &str) -> Option<Span> {
    if !is_on() {
        return None;
    }
    span("db.sql.query", &one_line(sql))
}

/// Sends the event of `GET /sentry-test`: a message with a breadcrumb, the tag `endpoint` and the context `test`.
pub fn sentry_test(environment: &str) {
    sentry::add_breadcrumb(sentry::Breadcrumb {
        message: Some("Sentry test endpoint called".to_owned()),
        level: Level::Info,
        ..sentry::Breadcrumb::default()
    });
    sentry::configure_scope(|scope| {
        scope.set_tag("endpoint", "sentry-test");
        let values = [("environment", environment), ("feature", "sentry-testing")];
        let values = values.map(|(name, value)| (name.to_owned(), Value::from(value)));
        scope.set_context("test", Context::Other(values.into_iter().collect()));
    });
    sentry::capture_message("Sentry test", Level::Info);
}

/// The hub and the transaction of one request.
pub(super) struct Trace {
    pub hub: Arc<Hub>,
    transaction: sentry::Transaction,
    head: Option<DynamicSamplingContext>,
}

impl Trace {
    /// Starts a transaction that continues the caller's trace. Returns `None` without a DSN.
    pub fn start(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if !is_on() {
            return None;
        }
        let hub = Arc::new(Hub::new_from_top(Hub::main()));
        let traceparent = headers
            .get("traceparent")
            .and_then(|value| from_w3c(value.to_str().ok()?));
        let pairs = headers
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "sentry-trace" | "baggage"))
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let has_own = headers.contains_key("sentry-trace");
        let foreign = traceparent
            .as_deref()
            .filter(|_| !has_own)
            .map(|value| ("sentry-trace", value));
        let context = TransactionContext::continue_from_headers(
            method.as_str(),
            "http.server",
            pairs.chain(foreign),
        );
        let transaction = hub.start_transaction(context);
        hub.configure_scope(|scope| {
            scope.set_span(Some(TransactionOrSpan::Transaction(transaction.clone())));
        });
        Some(Self {
            hub,
            transaction,
            head: baggage::of(headers),
        })
    }

    /// Returns the trace's id in hexadecimal.
    pub fn id(&self) -> String {
        self.transaction.get_trace_context().trace_id.to_string()
    }

    /// Ends the transaction and sends an event for a failure.
    pub fn finish(self, summary: &RequestSummary<'_>, cause: Option<&Cause>) {
        let name = format!("{} {}", summary.method, summary.route);
        self.hub.configure_scope(|scope| {
            scope.set_transaction(Some(&name));
            for (tag, value) in [
                ("route", summary.route),
                ("method", summary.method),
                ("function", summary.group),
                ("request_id", summary.request_id),
                (
                    "cold_start",
                    if summary.cold_start { "true" } else { "false" },
                ),
            ] {
                scope.set_tag(tag, value);
            }
            scope.set_tag("status", summary.status);
            let pii = SENTRY.get().is_some_and(|sentry| sentry.send_pii);
            let user = User {
                id: summary.user_id.map(str::to_owned),
                ip_address: summary.address.filter(|_| pii).map(IpAddress::Exact),
                ..User::default()
            };
            let is_known = user.id.is_some() || user.ip_address.is_some();
            scope.set_user(is_known.then_some(user));
        });
        if let Some(cause) = cause {
            // In this hub, the line becomes a breadcrumb of the event and one of Sentry's logs.
            Hub::run(self.hub.clone(), || log::cause(summary, cause));
        }
        self.transaction.set_name(&name);
        self.transaction
            .set_data("http.response.status_code", Value::from(summary.status));
        self.transaction.set_status(span_status(summary.status));
        baggage::continuing(self.head, || {
            if summary.status >= 500 {
                self.hub.capture_event(failure(summary, cause));
            }
            Hub::run(self.hub, || self.transaction.finish());
        });
    }
}

fn failure(summary: &RequestSummary<'_>, cause: Option<&Cause>) -> Event<'static> {
    let mut exceptions: Vec<Exception> = match cause {
        // Sentry shows the last one first, as the raised exception.
        Some(cause) => cause
            .0
            .chain()
            .map(|cause| exception(cause.to_string()))
            .rev()
            .collect(),
        None => vec![exception(format!(
            "answered with status {}",
            summary.status
        ))],
    };
    if cause.is_some_and(|cause| cause.0.is::<Panic>()) {
        for exception in &mut exceptions {
            "Panic".clone_into(&mut exception.ty);
            exception.mechanism = Some(Mechanism {
                ty: "panic".to_owned(),
                handled: Some(false),
                ..Mechanism::default()
            });
        }
    }
    Event {
        level: Level::Error,
        exception: exceptions.into(),
        ..Event::default()
    }
}

fn exception(error: String) -> Exception {
    Exception {
        ty: "Error".to_owned(),
        value: Some(error),
        ..Exception::default()
    }
}

/// Converts a W3C Trace Context 1.0 header (`00-TRACE-SPAN-FLAGS`) to the format of `sentry-trace`.
fn from_w3c(value: &str) -> Option<String> {
    let mut parts = value.trim().split('-');
    let (_, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    (trace.len() == 32 && span.len() == 16).then(|| format!("{trace}-{span}-{sampled}"))
}

fn span_status(status: u16) -> SpanStatus {
    match status {
        0..400 => SpanStatus::Ok,
        401 => SpanStatus::Unauthenticated,
        403 => SpanStatus::PermissionDenied,
        404 => SpanStatus::NotFound,
        409 => SpanStatus::AlreadyExists,
        429 => SpanStatus::ResourceExhausted,
        400..500 => SpanStatus::InvalidArgument,
        503 => SpanStatus::Unavailable,
        _ => SpanStatus::InternalError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_w3c_trace_is_continued() {
        let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            from_w3c(value).as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1")
        );
        assert_eq!(from_w3c("00-short-00f067aa0ba902b7-01"), None);
    }
}
