//! The dynamic sampling context of a trace: decisions of the service that started the trace. Every service that continues
//! the trace copies it unchanged from the `baggage` header to its own envelopes.
//!
//! <https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/>

use std::cell::RefCell;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use sentry::protocol::DynamicSamplingContext;
use serde_json::{Map, Value};

thread_local! {
    /// The SDK creates an envelope on the thread that captures the event.
    static HEAD: RefCell<Option<DynamicSamplingContext>> = const { RefCell::new(None) };
}

/// Reads the context of a request. Without `sentry-trace`, the request continues no trace.
pub(super) fn of(headers: &HeaderMap) -> Option<DynamicSamplingContext> {
    headers.get("sentry-trace")?;
    let entries: Map<String, Value> = headers
        .get_all("baggage")
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .filter_map(|entry| {
            let (name, value) = entry.split(';').next()?.split_once('=')?;
            let name = name.trim().strip_prefix("sentry-")?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            Some((name.to_owned(), Value::from(value)))
        })
        .collect();
    // A context without the trace's id is useless.
    entries.get("trace_id")?;
    serde_json::from_value(Value::Object(entries)).ok()
}

/// Runs `work`. Envelopes created during it carry that context.
pub(super) fn continuing<T>(head: Option<DynamicSamplingContext>, work: impl FnOnce() -> T) -> T {
    HEAD.set(head);
    let result = work();
    HEAD.set(None);
    result
}

/// Returns the context for an envelope that is created now.
pub(super) fn head() -> Option<DynamicSamplingContext> {
    HEAD.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Value {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        serde_json::to_value(of(&headers)).unwrap()
    }

    #[test]
    fn sentrys_entries_are_read_and_others_ignored() {
        let trace = "771a43a4192642f0b136d5159a501700";
        let baggage = format!(
            "other=1, sentry-trace_id={trace},sentry-public_key=key;p=1,sentry-environment=a%20b"
        );
        let expected = serde_json::json!({
            "trace_id": trace, "public_key": "key", "environment": "a b"
        });
        assert_eq!(
            read(&[("sentry-trace", "x"), ("baggage", &baggage)]),
            expected
        );
        assert_eq!(read(&[("baggage", &baggage)]), Value::Null);
        for malformed in ["sentry-trace_id=x", "sentry-release=1", "=,;", ""] {
            let headers = [("sentry-trace", "x"), ("baggage", malformed)];
            assert_eq!(read(&headers), Value::Null, "{malformed}");
        }
    }
}
