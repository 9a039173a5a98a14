//! Deletes expired rows during requests, at a minimum interval.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use shared::db::Db;

use crate::queries;

/// Minimum interval between deletions of states by one instance.
const STATES: Duration = Duration::from_mins(1);
/// Minimum interval between deletions of API keys by one instance.
const API_KEYS: Duration = Duration::from_secs(10);

/// Times of an instance's last deletions.
#[derive(Debug, Default)]
pub struct Sweep {
    states: Mutex<Option<Instant>>,
    api_keys: Mutex<Option<Instant>>,
}

impl Sweep {
    /// Deletes expired states if the interval has passed. A failure is logged, and the next deletion retries.
    pub async fn run(&self, db: &Db) {
        if is_due(&self.states, STATES) {
            log_failure(queries::verification::delete_expired(db).await);
        }
    }

    /// Deletes expired API keys if the interval has passed.
    pub async fn run_api_keys(&self, db: &Db) {
        if is_due(&self.api_keys, API_KEYS) {
            log_failure(queries::api_key::delete_expired(db).await);
        }
    }
}

fn is_due(last: &Mutex<Option<Instant>>, interval: Duration) -> bool {
    let mut last = last
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let due = last.is_none_or(|last| last.elapsed() >= interval);
    if due {
        *last = Some(Instant::now());
    }
    due
}

fn log_failure(result: sqlx::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "expired rows cannot be deleted");
    }
}
