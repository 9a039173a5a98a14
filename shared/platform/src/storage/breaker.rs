//! Stops sending requests to a storage that keeps failing.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::breaker::Breaker;

/// Failures in a row after which requests stop.
const MAX_FAILURES: u32 = 3;
/// Time without requests after that. Then a single failure stops requests again.
const PAUSE: Duration = Duration::from_secs(5);

/// A breaker that opens after some failures in a row.
pub(super) struct FailureBreaker {
    failures: AtomicU32,
    paused: Breaker,
}

impl FailureBreaker {
    /// Creates a closed breaker.
    pub const fn new() -> Self {
        Self {
            failures: AtomicU32::new(0),
            paused: Breaker::new(PAUSE),
        }
    }

    /// Returns whether a request may be sent.
    pub fn allows(&self) -> bool {
        !self.paused.is_open()
    }

    /// Records the result of a request.
    pub fn record(&self, success: bool) {
        if success {
            self.failures.store(0, Ordering::Relaxed);
            self.paused.close();
        } else if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILURES {
            self.paused.open();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_stop_requests_until_one_succeeds() {
        let breaker = FailureBreaker::new();
        breaker.record(false);
        breaker.record(false);
        breaker.record(true);
        breaker.record(false);
        breaker.record(false);
        assert!(breaker.allows());
        breaker.record(false);
        assert!(!breaker.allows());
        breaker.record(true);
        assert!(breaker.allows());
    }
}
