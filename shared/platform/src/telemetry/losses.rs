//! Counts envelopes that Sentry did not receive. A metric and at most one log line a minute report the number.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use metrics::counter;

use super::{embedded_metrics, log};

/// Target of the log line. Lines of this target are never sent to Sentry.
pub(super) const TARGET: &str = "sentry_losses";
/// Minimum time between two reports.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_mins(1);

/// Why an envelope was dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    /// The queue was full.
    Overflow,
    /// Sentry was not reached, did not respond in time, or has failed in this way recently.
    Network,
    /// Sentry has limited the rate.
    RateLimited,
    /// Sentry responded with an error.
    Rejected,
}

impl Loss {
    /// Values of the metric's label.
    pub const LABELS: [&str; 4] = ["overflow", "network", "rate_limited", "rejected"];

    const fn label(self) -> &'static str {
        Self::LABELS[self as usize]
    }
}

/// Envelopes dropped since the last report.
static UNREPORTED: AtomicU64 = AtomicU64::new(0);
static REPORTED_AT: Mutex<Option<SystemTime>> = Mutex::new(None);

/// Counts a dropped envelope.
pub(super) fn count(loss: Loss) {
    counter!("sentry_dropped_total", "reason" => loss.label()).increment(1);
    UNREPORTED.fetch_add(1, Ordering::Relaxed);
}

/// Reports the drops since the last report, unless that is less than a minute ago.
pub(super) fn report_if_due() {
    if UNREPORTED.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut reported_at = REPORTED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_recent = reported_at
        .and_then(|reported_at| reported_at.elapsed().ok())
        .is_some_and(|elapsed| elapsed < REPORT_INTERVAL);
    if is_recent {
        return;
    }
    *reported_at = Some(SystemTime::now());
    drop(reported_at);
    report();
}

/// Reports the drops since the last report, for the end of the process.
pub(super) fn report() {
    let dropped = UNREPORTED.swap(0, Ordering::Relaxed);
    if dropped == 0 {
        return;
    }
    tracing::warn!(target: TARGET, dropped, "Sentry envelopes were dropped");
    if log::writes_embedded_metrics() {
        embedded_metrics::write_dropped(dropped);
    }
}
