//! Read replicas: they take the reads of anonymous requests, and the primary takes what they cannot.
//!
//! A replica may be behind the primary, so whoever is signed in, and could miss what they have just written, never reads
//! from one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Rows, Statement, Timer,
    server::{Patience, Server},
};

/// So long that a replica which is gone leaves the request time for the primary.
pub(super) const PATIENCE: Patience = Patience {
    connection: Duration::from_secs(1),
    answer: Duration::from_secs(2),
};
/// How long a replica that has failed is not asked again.
const RECOVERY: Duration = Duration::from_secs(10);

tokio::task_local! {
    static ANONYMOUS: ();
}

/// Runs the handler of an anonymous read: its single statements may go to a replica.
pub async fn anonymously<T>(read: impl Future<Output = T>) -> T {
    ANONYMOUS.scope((), read).await
}

/// A replica, and when it last failed.
pub(super) struct Replica {
    server: Server,
    failed: Arc<Mutex<Option<Instant>>>,
}

impl Replica {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            failed: Arc::default(),
        }
    }

    fn may_be_asked(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > RECOVERY)
    }

    fn has_failed(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// What the first replica that can answers to a read of an anonymous request. Whatever goes wrong there, the primary may
/// do better: a replica may also lack a table that was just made, or cancel what stands in the way of its replay.
pub(super) async fn ask(replicas: &[Replica], statement: &Statement) -> Option<Rows> {
    ANONYMOUS.try_with(|()| ()).ok()?;
    for replica in replicas.iter().filter(|replica| replica.may_be_asked()) {
        let _timer = Timer::start(&statement.sql);
        let rows = async {
            let mut connection = replica.server.acquire().await?;
            let rows = statement.clone().run(&mut connection);
            replica.server.answer(rows).await
        };
        match rows.await {
            Ok(rows) => return Some(rows),
            Err(error) => {
                replica.has_failed();
                tracing::warn!(%error, "a replica does not answer, so the primary is asked");
            }
        }
    }
    None
}
