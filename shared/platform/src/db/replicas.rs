//! Read replicas. They serve the reads of anonymous requests, with the primary as the fallback.
//!
//! A replica may lag behind the primary. A signed-in user could miss their own writes there, so their requests always use
//! the primary.

use std::time::Duration;

use super::{
    error::is_rejected_password,
    lease::Lease,
    pool::{Pool, Timeouts},
    statement::{Statement, StatementOutput},
    timer::StatementTimer,
};
use crate::breaker::Breaker;

/// Short timeouts, so that a request still has time for the primary after a replica has failed.
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

/// Runs the handler of an anonymous read. Its single statements may run on a replica.
pub async fn anonymously<T>(read: impl Future<Output = T>) -> T {
    ANONYMOUS.scope((), read).await
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
    pub output: Option<StatementOutput>,
    /// A replica has rejected the password.
    pub password_rejected: bool,
}

/// Runs a read of an anonymous request on the first replica that succeeds. Every kind of error counts as a failure of the
/// replica: it may lack a new table, or cancel a statement that conflicts with its replay.
pub(super) async fn read(replicas: &[Replica], statement: &Statement) -> ReplicaRead {
    let mut read = ReplicaRead::default();
    if replicas.is_empty() || ANONYMOUS.try_with(|()| ()).is_err() {
        return read;
    }
    for replica in replicas.iter().filter(|replica| !replica.failed.is_open()) {
        let _timer = StatementTimer::start(&statement.sql);
        let output = async {
            let mut connection = Lease::acquire(&replica.pool).await?;
            connection.run(statement.clone()).await
        };
        match output.await {
            Ok(output) => {
                read.output = Some(output);
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
