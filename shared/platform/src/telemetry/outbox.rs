//! The envelopes that wait for Sentry.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sentry::Envelope;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::losses::{self, Loss};
use crate::breaker::Breaker;

/// Capacity of the queue. A burst of failures is longer than the SDK's default of 30.
const CAPACITY: usize = 500;
/// After a timeout, calls do not wait during this time.
pub(super) const PAUSE: Duration = Duration::from_secs(30);

/// A bounded queue. Envelopes that do not fit are counted and dropped.
pub(super) struct Outbox {
    sender: mpsc::Sender<Envelope>,
    /// Envelopes that are queued or being sent.
    unsent: Mutex<usize>,
    emptied: Condvar,
    waiting: Breaker,
}

impl Outbox {
    pub fn new() -> (Self, mpsc::Receiver<Envelope>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let outbox = Self {
            sender,
            unsent: Mutex::new(0),
            emptied: Condvar::new(),
            waiting: Breaker::new(PAUSE),
        };
        (outbox, receiver)
    }

    /// Queues an envelope. Returns it if the queue is full.
    pub fn push(&self, envelope: Envelope) -> Option<Envelope> {
        // The envelope is counted before it is queued, because the other thread may settle it at once.
        *self.lock() += 1;
        match self.sender.try_send(envelope) {
            Ok(()) => None,
            Err(TrySendError::Full(envelope) | TrySendError::Closed(envelope)) => {
                self.settle();
                losses::count(Loss::Overflow);
                Some(envelope)
            }
        }
    }

    /// Records that an envelope of the queue was sent or dropped.
    pub fn settle(&self) {
        let mut unsent = self.lock();
        *unsent = unsent.saturating_sub(1);
        if *unsent == 0 {
            self.emptied.notify_all();
        }
    }

    /// Blocks until everything is sent or dropped, at most for `limit`. Returns whether it is. After a timeout, later
    /// calls return at once for a while.
    pub fn wait_until_empty(&self, limit: Duration) -> bool {
        let unsent = self.lock();
        if *unsent == 0 || self.waiting.is_open() {
            return *unsent == 0;
        }
        let (unsent, _) = self
            .emptied
            .wait_timeout_while(unsent, limit, |unsent| *unsent > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let is_empty = *unsent == 0;
        if is_empty {
            self.waiting.close();
        } else {
            self.waiting.open();
        }
        is_empty
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
