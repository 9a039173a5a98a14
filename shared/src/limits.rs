//! How one instance uses the counters of the rate limits in PostgreSQL. It counts a sample of the reads, and pauses after
//! the database has failed.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use platform::{
    breaker::Breaker,
    config::{Quota, Quotas},
    db::{Db, briefly},
    random,
};

/// After a failure, nothing is counted during this time.
const PAUSE: Duration = Duration::from_secs(1);
/// Minimum time between two replacements of connections because the database is read-only.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(10);
/// A quota is counted in at least this many samples, so that a small one is counted exactly.
const MIN_SAMPLES: u32 = 32;

/// The limit store of an instance. Limits fail open: a request that cannot be counted is served.
#[derive(Debug)]
pub struct LimitStore {
    /// Chooses the signed-in reads that are counted.
    pub(crate) reads: Sampler,
    /// Chooses the anonymous reads that are counted.
    pub(crate) anonymous: Sampler,
    timeout: Duration,
    failed: Breaker,
    read_only: Breaker,
}

impl LimitStore {
    /// Creates the store for these quotas.
    pub fn new(quotas: &Quotas) -> Self {
        Self {
            reads: Sampler::new(quotas.sample, quotas.read),
            anonymous: Sampler::new(quotas.sample, quotas.anon),
            timeout: quotas.timeout,
            failed: Breaker::new(PAUSE),
            read_only: Breaker::new(RECONNECT_INTERVAL),
        }
    }

    /// Runs statements on the counters. Returns `None` if one fails or takes too long, and for a while after that.
    pub async fn attempt<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Option<T> {
        if self.is_paused() {
            return None;
        }
        match briefly(self.timeout, work).await {
            Ok(value) => Some(value),
            Err(error) => {
                self.pause(error);
                None
            }
        }
    }

    /// Returns whether the counters are not used because they failed a moment ago.
    pub(crate) fn is_paused(&self) -> bool {
        self.failed.is_open()
    }

    /// Records that the counters cannot be used. They are not used for a while.
    pub(crate) fn pause(&self, error: impl Display) {
        self.failed.open();
        tracing::warn!(%error, "requests cannot be counted");
    }

    /// Records that the database accepts no writes. After a failover, new connections lead to one that does.
    pub(crate) fn record_read_only(&self, db: &Db) {
        if !self.read_only.is_open() {
            self.read_only.open();
            tracing::warn!("the database is read-only, so requests are not counted");
            db.reconnect();
        }
    }
}

/// Chooses one of `n` requests, at random within each run of `n`. The share is exact, and the choice cannot be predicted.
#[derive(Debug)]
pub(crate) struct Sampler {
    every: u32,
    run: Mutex<Run>,
}

#[derive(Debug)]
struct Run {
    position: u32,
    chosen: u32,
}

impl Sampler {
    fn new(sample: u32, quota: Quota) -> Self {
        let every = sample.min(quota.requests / MIN_SAMPLES).max(1);
        Self {
            every,
            run: Mutex::new(Run {
                position: 0,
                chosen: random::below(every),
            }),
        }
    }

    /// Returns the number of requests for which this one is counted, or `None` if it is not chosen.
    pub fn weight(&self) -> Option<u32> {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let is_chosen = run.position == run.chosen;
        run.position += 1;
        if run.position == self.every {
            *run = Run {
                position: 0,
                chosen: random::below(self.every),
            };
        }
        is_chosen.then_some(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(sample: u32, requests: u32) -> Sampler {
        let quota = Quota {
            requests,
            seconds: 60,
        };
        Sampler::new(sample, quota)
    }

    #[test]
    fn a_small_quota_is_counted_exactly() {
        for (sample, requests, every) in [
            (8, 1200, 8),
            (8, 300, 8),
            (8, 100, 3),
            (8, 40, 1),
            (8, 2, 1),
            (1, 1200, 1),
        ] {
            assert_eq!(sampler(sample, requests).every, every, "{requests}");
        }
    }

    #[test]
    fn the_samples_of_one_caller_add_up_to_its_requests() {
        let sampler = sampler(8, 1200);
        let mut counted = 0;
        for requests in 1..=10_000_u32 {
            counted += sampler.weight().unwrap_or(0);
            assert!(counted.abs_diff(requests) <= 8, "{counted} of {requests}");
        }
    }

    /// If many callers share an instance, the count of each is right on average, wherever its requests are in the
    /// sequence.
    #[test]
    fn the_samples_of_many_callers_are_unbiased() {
        const CALLERS: usize = 7;
        const ROUNDS: usize = 80_000;
        let sampler = sampler(8, 1200);
        let mut counted = [0_u32; CALLERS];
        for _ in 0..ROUNDS {
            for counted in &mut counted {
                *counted += sampler.weight().unwrap_or(0);
            }
        }
        // The standard deviation of each sum is at most sqrt(80,000 × 7) = 748.
        for counted in counted {
            assert!(counted.abs_diff(80_000) < 4_000, "{counted}");
        }
    }

    #[test]
    fn every_request_of_a_run_is_chosen_equally_often() {
        let sampler = sampler(8, 1200);
        let mut chosen = [0_u32; 8];
        for request in 0..80_000 {
            if sampler.weight().is_some() {
                chosen[request % 8] += 1;
            }
        }
        // 10,000 of 80,000 are chosen; each place has 1,250 with a standard deviation of 33.
        assert!(
            chosen.iter().all(|times| times.abs_diff(1_250) < 200),
            "{chosen:?}"
        );
    }
}
