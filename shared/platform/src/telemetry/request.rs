//! Observes one request from its start to its log line.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use http::{HeaderMap, Method, Response};
use sentry::SentryFutureExt;

use super::{
    cause::Cause,
    current::{CURRENT, CurrentRequest},
    embedded_metrics, log, metrics,
    spans::Trace,
    statements::DatabaseUsage,
    summary::{RequestSummary, millis},
};

static COLD: AtomicBool = AtomicBool::new(true);

/// A request that is being served.
pub struct ObservedRequest {
    group: &'static str,
    method: Method,
    current: CurrentRequest,
    started: Instant,
    cold_start: bool,
    trace: Option<Trace>,
    trace_id: Option<String>,
}

/// The part of the log line that the request stack supplies.
#[derive(Clone, Copy, Debug)]
pub struct RequestOutcome {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Statements and the time spent on them.
    pub database: DatabaseUsage,
}

impl ObservedRequest {
    /// Starts the clock and a Sentry transaction that continues the caller's trace.
    pub fn start(
        group: &'static str,
        request_id: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Self {
        embedded_metrics::set_group(group);
        let trace = Trace::start(method, headers);
        let trace_id = trace
            .as_ref()
            .map(Trace::id)
            .or_else(|| incoming_trace(headers));
        Self {
            group,
            method: method.clone(),
            current: CurrentRequest::new(request_id.to_owned()),
            started: Instant::now(),
            cold_start: COLD.swap(false, Ordering::Relaxed),
            trace,
            trace_id,
        }
    }

    /// Runs the request with its own breadcrumbs and spans, as the current request of the task.
    pub async fn run<T>(&mut self, work: impl Future<Output = T>) -> T {
        let current = std::mem::replace(&mut self.current, CurrentRequest::new(String::new()));
        let work = async {
            match &self.trace {
                Some(trace) => work.bind_hub(trace.hub.clone()).await,
                None => work.await,
            }
        };
        let mut work = std::pin::pin!(CURRENT.scope(current, work));
        let result = work.as_mut().await;
        if let Some(current) = work.as_mut().take_value() {
            self.current = current;
        }
        result
    }

    /// Writes the log line and the metrics, and passes a failure to Sentry. Nothing here waits for the network.
    pub fn finish<B>(self, outcome: RequestOutcome, response: &mut Response<B>) {
        let cause = response.extensions_mut().remove::<Cause>();
        let elapsed = self.started.elapsed();
        let summary = RequestSummary {
            group: self.group,
            request_id: &self.current.request_id,
            trace_id: self.trace_id.as_deref(),
            route: self.current.route.get(),
            method: self.method.as_str(),
            status: response.status().as_u16(),
            duration_ms: millis(elapsed),
            user_id: self.current.user_id.get().map(String::as_str),
            address: outcome.address,
            cold_start: self.cold_start,
            database: outcome.database,
        };
        log::server_timing(&summary, response.headers_mut());
        metrics::count(&summary, elapsed.as_secs_f64());
        if let Some(trace) = self.trace {
            trace.finish(&summary, cause.as_ref());
        } else if let Some(cause) = &cause {
            log::cause(&summary, cause);
        }
        log::request_line(&summary);
    }
}

/// Returns the trace id that the request carries: Sentry's, W3C's, or X-Ray's. A client may have invented it, so only a
/// well-formed id is accepted.
fn incoming_trace(headers: &HeaderMap) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_hex = |id: &&str| id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id = |id: &&str| id.len() == 32 && is_hex(id);
    let sentry = header("sentry-trace").and_then(|value| value.split('-').next());
    let w3c = header("traceparent").and_then(|value| value.split('-').nth(1));
    let x_ray = header("x-amzn-trace-id").and_then(|value| {
        value
            .split(';')
            .find_map(|part| part.trim().strip_prefix("Root="))
    });
    sentry
        .filter(is_id)
        .or(w3c.filter(is_id))
        .or(x_ray.filter(|id| id.len() == 35 && id.split('-').all(|part| is_hex(&part))))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_trace_ids_are_accepted() {
        let (sentry, w3c, x_ray) = (
            "771a43a4192642f0b136d5159a501700",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "1-67891233-abcdef012345678912345678",
        );
        let found = |headers: &[(&'static str, String)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            incoming_trace(&headers.collect())
        };
        let from_sentry = ("sentry-trace", format!("{sentry}-b7ad6b7169203331-1"));
        let from_w3c = ("traceparent", format!("00-{w3c}-00f067aa0ba902b7-01"));
        let from_x_ray = ("x-amzn-trace-id", format!("Self=1; Root={x_ray};Sampled=1"));
        let all = [from_sentry, from_w3c, from_x_ray];
        for (first, expected) in [sentry, w3c, x_ray].into_iter().enumerate() {
            assert_eq!(found(&all[first..]).as_deref(), Some(expected));
        }

        for made_up in [
            ("sentry-trace", "ada@leak.example-and-32-characters"),
            (
                "sentry-trace",
                "zzza43a4192642f0b136d5159a501700-b7ad6b7169203331",
            ),
            ("traceparent", "00-short-00f067aa0ba902b7-01"),
            ("x-amzn-trace-id", "Root=1-67891233-ada@leak.example-567890"),
            ("x-amzn-trace-id", "Root=1"),
        ] {
            let (name, value) = made_up;
            assert_eq!(found(&[(name, value.to_owned())]), None, "{made_up:?}");
        }
    }
}
