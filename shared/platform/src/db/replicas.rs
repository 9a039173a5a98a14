//! Reads of anonymous requests. Read replicas serve them, with the primary as the fallback.
//!
//! A replica may lag behind the primary. A signed-in user could miss their own writes there, so their requests always use
//! the primary.

use std::time::Duration;

use super::{
    brief::{self, ANONYMOUS_LIMIT, briefly},
    error::is_rejected_password,
    lease::Lease,
    pool::{Pool, Timeouts, timed_out},
    statement::{Statement, StatementOutput},
    timer::StatementTimer,
};
use crate::breaker::Breaker;

/// Short timeouts, so that a request still has time for the primary after a replica has failed. A replica that does not
/// respond at all is noticed before [`ANONYMOUS_LIMIT`], after which the statement counts as slow.
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_millis(400),
    silence: Duration::from_millis(400),
    statement: Duration::from_secs(2),
};
/// A replica that failed is not used again before this time has passed.
const RECOVERY: Duration = Duration::from_secs(10);

tokio::task_local! {
    static ANONYMOUS: ();
}

/// Runs the handler of an anonymous read. Each of its single statements fails after a second. If `may_lag`, it may run on a
/// replica.
pub async fn anonymously<T>(may_lag: bool, read: impl Future<Output = T>) -> T {
    let read = briefly(ANONYMOUS_LIMIT, read);
    if may_lag {
        ANONYMOUS.scope((), read).await
    } else {
        read.await
    }
}

/// A replica, which is not used for a while after a failure.
pub(super) struct Replica {
    pub pool: Pool,
    failed: Breaker,
}

impl Replica {
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            failed: Breaker::new(RECOVERY),
        }
    }
}

/// The result of a read on the replicas.
#[derive(Default)]
pub(super) struct ReplicaRead {
    /// `None` if the statement must run on the primary.
    pub output: Option<sqlx::Result<StatementOutput>>,
    /// A replica has rejected the password.
    pub password_rejected: bool,
}

/// Runs a read of an anonymous request on the first replica that succeeds. Every kind of error counts as a failure of the
/// replica: it may lack a new table, or cancel a statement that conflicts with its replay. A statement that reaches the
/// time limit would take as long elsewhere, so it fails.
pub(super) async fn read(replicas: &[Replica], statement: &Statement) -> ReplicaRead {
    let mut read = ReplicaRead::default();
    if replicas.is_empty() || ANONYMOUS.try_with(|()| ()).is_err() {
        return read;
    }
    for replica in replicas.iter().filter(|replica| !replica.failed.is_open()) {
        let _timer = StatementTimer::start(&statement.sql);
        let output = async {
            let mut connection = Lease::acquire(&replica.pool).await?;
            let work = connection.run(statement.clone());
            if let Some(result) = brief::within_limit(work).await {
                result.map(Some)
            } else {
                connection.abandon();
                Ok(None)
            }
        };
        match output.await {
            Ok(output) => {
                read.output = Some(output.ok_or_else(timed_out));
                return read;
            }
            Err(error) => {
                replica.failed.open();
                read.password_rejected |= is_rejected_password(&error);
                tracing::warn!(%error, "a replica failed; the primary is used");
            }
        }
    }
    read
}
