//! Statements that a request does not wait long for.

use std::time::Duration;

tokio::task_local! {
    static LIMIT: Duration;
}

/// Runs `work`. Each of its single statements fails after that time, and its connection is closed.
pub async fn briefly<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    LIMIT.scope(limit, work).await
}

/// The limit of the statements that run now.
pub(super) fn limit() -> Option<Duration> {
    LIMIT.try_with(|limit| *limit).ok()
}
