//! Stops sending requests to a storage that keeps failing.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row after which requests stop.
const MAX_FAILURES: u32 = 3;
/// Time without requests after that. Then one failure stops them again.
const PAUSE: Duration = Duration::from_secs(5);

/// Counts failures in a row.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    paused_until: Option<Instant>,
}

impl Breaker {
    /// Returns whether a request may be sent.
    pub fn allows(&self) -> bool {
        self.lock(|state| {
            state
                .paused_until
                .is_none_or(|until| until <= Instant::now())
        })
    }

    /// Records the result of a request.
    pub fn record(&self, success: bool) {
        self.lock(|state| {
            if success {
                *state = State::default();
                return;
            }
            state.failures += 1;
            if state.failures >= MAX_FAILURES {
                state.paused_until = Some(Instant::now() + PAUSE);
            }
        });
    }

    fn lock<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_stop_requests_until_one_succeeds() {
        let breaker = Breaker::default();
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
