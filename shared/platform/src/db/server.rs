//! The pool of one server. It opens connections when they are needed and discards broken ones.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sqlx::{
    Connection, PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    raw_sql,
};
use tokio::time::timeout;

use super::error::is_broken_connection;

/// A connection that was idle for longer is tested before use. The instance may have been frozen meanwhile, and the server
/// may have closed the connection.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// Timeout of such a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeouts for the use of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For acquiring a connection, including opening a new one.
    pub connection: Duration,
    /// For the response to a statement. Without it, a silently dead server blocks the request until TCP times out.
    pub statement: Duration,
}

/// The connections to one server.
#[derive(Clone)]
pub(super) struct Server {
    pool: PgPool,
    timeouts: Timeouts,
    invalidation: Invalidation,
}

impl Server {
    /// Creates a pool that opens its first connection when it is needed.
    pub fn new(options: PgConnectOptions, max_connections: u32, timeouts: Timeouts) -> Self {
        let invalidation = Invalidation::default();
        let (before, after) = (invalidation.clone(), invalidation.clone());
        let last_use = Arc::new(AtomicU64::new(wall_clock()));
        let on_release = last_use.clone();
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(timeouts.connection)
            .idle_timeout(None)
            .max_lifetime(Duration::from_mins(30))
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                // The monotonic clock stops while the instance is frozen. The wall clock does not.
                let idle = wall_clock().saturating_sub(last_use.load(Ordering::Relaxed));
                let stale = idle > STALE_AFTER.as_secs() || metadata.idle_for > STALE_AFTER;
                let invalid = before.applies_to(metadata.age);
                Box::pin(async move { Ok(!invalid && (!stale || responds(connection).await)) })
            })
            .after_release(move |_, metadata| {
                on_release.store(wall_clock(), Ordering::Relaxed);
                let invalid = after.applies_to(metadata.age);
                Box::pin(async move { Ok(!invalid) })
            })
            .connect_lazy_with(options);
        Self {
            pool,
            timeouts,
            invalidation,
        }
    }

    /// Uses an existing pool.
    pub fn over(pool: PgPool, timeouts: Timeouts) -> Self {
        Self {
            pool,
            timeouts,
            invalidation: Invalidation::default(),
        }
    }

    /// Returns a connection from the pool.
    pub async fn acquire(&self) -> sqlx::Result<Lease> {
        Ok(Lease {
            connection: Some(self.pool.acquire().await?),
            in_transaction: false,
        })
    }

    /// Sets the options of connections opened from now on.
    pub fn set_options(&self, options: PgConnectOptions) {
        self.pool.set_connect_options(options);
    }

    /// Runs a statement within the timeout. If the error means that the connection is broken, every connection opened before
    /// now is discarded, because the others lead to the same server.
    pub async fn run<T>(
        &self,
        statement: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        let result = timeout(self.timeouts.statement, statement)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        if let Err(error) = &result
            && is_broken_connection(error)
        {
            self.invalidation.invalidate();
        }
        result
    }
}

/// A connection in use.
pub(super) struct Lease {
    /// `None` only while it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    /// A transaction has begun and has not ended.
    pub in_transaction: bool,
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("the lease is not dropped")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("the lease is not dropped")
    }
}

impl Drop for Lease {
    /// Returns the connection within a timeout. The pool tests each returned connection without one: a silently dead server
    /// would block the only connection of a pool, and so every later request.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        connection.close_on_drop();
        let in_transaction = self.in_transaction;
        tokio::spawn(async move {
            let returned = async {
                if in_transaction
                    && let Err(error) = raw_sql("rollback").execute(&mut *connection).await
                {
                    tracing::debug!(%error, "the transaction ends with its connection");
                }
                connection.return_to_pool().await;
            };
            if timeout(TEST_TIMEOUT, returned).await.is_err() {
                tracing::warn!("a connection to the database does not respond");
            }
        });
    }
}

async fn responds(connection: &mut PgConnection) -> bool {
    matches!(timeout(TEST_TIMEOUT, connection.ping()).await, Ok(Ok(())))
}

/// Seconds since 1970.
fn wall_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The time of the last failure of a connection. Connections opened before it are not used again.
#[derive(Clone, Default)]
struct Invalidation(Arc<Mutex<Option<Instant>>>);

impl Invalidation {
    /// Returns whether a connection of that age is discarded.
    fn applies_to(&self, age: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < age)
    }

    fn invalidate(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
