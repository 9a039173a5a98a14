//! A circuit breaker: after a failure, a service is not used for a while.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// A breaker that is open for a while after each failure. The next attempt closes it, or opens it again.
#[derive(Debug)]
pub struct Breaker {
    period: Duration,
    /// Wall-clock time, because the monotonic clock stops while the instance is frozen.
    opened_at: Mutex<Option<SystemTime>>,
}

impl Breaker {
    /// Creates a closed breaker.
    pub const fn new(period: Duration) -> Self {
        Self {
            period,
            opened_at: Mutex::new(None),
        }
    }

    /// Returns whether the last failure is less than the period ago.
    pub fn is_open(&self) -> bool {
        let opened_at = *self
            .opened_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // If the clock was set back, the breaker is closed.
        opened_at
            .and_then(|opened_at| opened_at.elapsed().ok())
            .is_some_and(|open_for| open_for < self.period)
    }

    /// Records a failure.
    pub fn open(&self) {
        self.set(Some(SystemTime::now()));
    }

    /// Records a success.
    pub fn close(&self) {
        self.set(None);
    }

    fn set(&self, opened_at: Option<SystemTime>) {
        *self
            .opened_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = opened_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_for_its_period_after_a_failure() {
        let period = Duration::from_mins(1);
        let breaker = Breaker::new(period);
        assert!(!breaker.is_open());

        breaker.open();
        assert!(breaker.is_open());
        breaker.set(Some(SystemTime::now() - period));
        assert!(!breaker.is_open());

        breaker.open();
        breaker.close();
        assert!(!breaker.is_open());
    }
}
