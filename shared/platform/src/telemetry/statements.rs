//! The statements of a request: their number and duration, and the slow ones in the log.

use std::{cell::Cell, time::Duration};

use super::{
    current,
    statement_text::{fingerprint, one_line},
};

/// Statements slower than this are logged.
const SLOW: Duration = Duration::from_millis(200);

/// The number of statements of one request and the time spent on them.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatabaseUsage {
    /// Round trips, including those of BEGIN and COMMIT.
    pub statements: u32,
    /// Time spent waiting for the database.
    pub time: Duration,
    /// The part of that time that the guard spent.
    pub session_time: Duration,
}

tokio::task_local! {
    static USAGE: Cell<DatabaseUsage>;
}

/// Runs a request and returns its database usage in addition to its result.
pub async fn measured<T>(work: impl Future<Output = T>) -> (T, DatabaseUsage) {
    let measured = USAGE.scope(Cell::new(DatabaseUsage::default()), async {
        let result = work.await;
        (result, USAGE.with(Cell::get))
    });
    let (result, usage) = measured.await;
    // A test measures around the request stack, which also measures.
    let _ = USAGE.try_with(|outer| {
        let so_far = outer.get();
        outer.set(DatabaseUsage {
            statements: so_far.statements + usage.statements,
            time: so_far.time + usage.time,
            session_time: so_far.session_time + usage.session_time,
        });
    });
    (result, usage)
}

/// Records one round trip in the request's usage and in the metrics, and logs it if it was slow.
pub fn record_statement(sql: &str, time: Duration) {
    // Outside a request, for example in a test's own statements, there is no usage.
    let _ = USAGE.try_with(|usage| {
        let so_far = usage.get();
        usage.set(DatabaseUsage {
            statements: so_far.statements + 1,
            time: so_far.time + time,
            ..so_far
        });
    });
    metrics::histogram!("db_query_duration_seconds").record(time.as_secs_f64());
    if time >= SLOW {
        log_slow_statement(sql, time);
    }
}

/// Logs a slow statement with its route and a fingerprint to search for.
fn log_slow_statement(sql: &str, time: Duration) {
    let statement = one_line(sql);
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(
        route = current::route(),
        fingerprint = fingerprint(&statement),
        statement,
        ms,
        "slow statement"
    );
}

/// Records the time that the guard needed to identify the caller, for `Server-Timing`.
pub fn record_session(time: Duration) {
    let _ = USAGE.try_with(|usage| {
        usage.set(DatabaseUsage {
            session_time: time,
            ..usage.get()
        });
    });
}
