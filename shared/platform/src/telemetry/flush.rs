//! Waits until Sentry has sent its queue.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::timeout;

use super::losses;

/// Whether the queue may contain something.
static PENDING: AtomicBool = AtomicBool::new(false);

/// Records that there is something to send.
pub(super) fn note_pending() {
    PENDING.store(true, Ordering::Relaxed);
}

/// Waits until Sentry has sent its queue, at most for `limit`. Returns at once if nothing is queued, and for 30 s after a
/// timeout.
pub async fn flush(limit: Duration) {
    if !PENDING.swap(false, Ordering::Relaxed) {
        return;
    }
    let Some(client) = sentry::Hub::main().client() else {
        return;
    };
    // The client's flush blocks its thread.
    let sent = tokio::task::spawn_blocking(move || client.flush(Some(limit)));
    if !matches!(timeout(limit, sent).await, Ok(Ok(true))) {
        // The next flush tries again.
        note_pending();
    }
    losses::report_if_due();
}
