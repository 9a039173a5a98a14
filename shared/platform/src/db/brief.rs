//! Statements with a short time limit.
//!
//! The limit is enforced here and not by a setting of the session. A `SET` would cost each request a round trip, and would bind
//! a connection of a pooler to this client. A second pool with the setting would double the connections of an instance. When the
//! limit has passed, the connection is closed. The server cancels the statement when it notices that
//! (`client_connection_check_interval`).

use std::time::Duration;

use tokio::time::timeout;

/// Limit of each statement of an anonymous read.
pub(super) const ANONYMOUS_LIMIT: Duration = Duration::from_secs(1);

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

/// Waits for a statement within the limit of the running task. Returns `None` when the limit has passed.
pub(super) async fn within_limit<T>(statement: impl Future<Output = T>) -> Option<T> {
    match limit() {
        Some(limit) => timeout(limit, statement).await.ok(),
        None => Some(statement.await),
    }
}
