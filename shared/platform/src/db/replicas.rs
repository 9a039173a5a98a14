//! Read replicas. They serve the reads of anonymous requests, with the primary as the fallback.
//!
//! A replica may lag behind the primary. A signed-in user could miss their own writes there, so their requests always use
//! the primary.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    server::{Server, Timeouts},
    statement::{Statement, StatementOutput},
    timer::StatementTimer,
};

/// Short enough that a request still has time for the primary after a replica has failed.
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_secs(1),
    statement: Duration::from_secs(2),
};
/// A replica that failed is not used again before this time has passed.
const RECOVERY: Duration = Duration::from_secs(10);

tokio::task_local! {
    static ANONYMOUS: ();
}

/// Runs the handler of an anonymous read. Its single statements may run on a replica.
pub async fn anonymously<T>(read: impl Future<Output = T>) -> T {
    ANONYMOUS.scope((), read).await
}

/// A replica and the time of its last failure.
pub(super) struct Replica {
    server: Server,
    failed_at: Mutex<Option<Instant>>,
}

impl Replica {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            failed_at: Mutex::default(),
        }
    }

    fn is_available(&self) -> bool {
        let failed_at = *self
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failed_at.is_none_or(|failed_at| failed_at.elapsed() > RECOVERY)
    }

    fn record_failure(&self) {
        *self
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// Runs a read of an anonymous request on the first replica that succeeds. Returns `None` if the statement must run on the
/// primary. Every kind of error counts as a failure of the replica: it may lack a new table, or cancel a statement that
/// conflicts with its replay.
pub(super) async fn read(replicas: &[Replica], statement: &Statement) -> Option<StatementOutput> {
    ANONYMOUS.try_with(|()| ()).ok()?;
    for replica in replicas.iter().filter(|replica| replica.is_available()) {
        let _timer = StatementTimer::start(&statement.sql);
        let output = async {
            let mut connection = replica.server.acquire().await?;
            let output = statement.clone().run(&mut connection);
            replica.server.run(output).await
        };
        match output.await {
            Ok(output) => return Some(output),
            Err(error) => {
                replica.record_failure();
                tracing::warn!(%error, "a replica failed; the primary is used");
            }
        }
    }
    None
}
