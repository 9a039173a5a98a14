//! Statements with a short time limit.

use std::time::Duration;

tokio::task_local! {
    static LIMIT: Duration;
}

/// Runs `work`. Each of its single statements fails after the limit, and its connection is closed.
pub async fn briefly<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    LIMIT.scope(limit, work).await
}

/// Returns the limit for statements of the running task.
pub(super) fn limit() -> Option<Duration> {
    LIMIT.try_with(|limit| *limit).ok()
}
