//! Deletes what has expired, in passing and at most once a minute.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use shared::db::Db;

use crate::queries;

/// How seldom an instance sweeps.
const INTERVAL: Duration = Duration::from_mins(1);

/// When an instance swept last.
#[derive(Debug, Default)]
pub struct Sweep(Mutex<Option<Instant>>);

impl Sweep {
    /// Deletes expired states where it is time to. Failure is logged: somebody else will sweep.
    pub async fn run(&self, db: &Db) {
        if !self.is_due() {
            return;
        }
        if let Err(error) = queries::verification::delete_expired(db).await {
            tracing::warn!(%error, "expired rows cannot be deleted");
        }
    }

    fn is_due(&self) -> bool {
        let mut last = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
