//! One server's pool: opens connections when they are needed, and gives up those that cannot be trusted any more.

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

use super::is_outage;

/// A connection that was not used for so long is tried before it is used: the instance may have been frozen in between,
/// and the server may have hung up.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// How long such a trial may take.
const TRIAL: Duration = Duration::from_secs(1);

/// How long a server is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a connection, a new one included.
    pub connection: Duration,
    /// For the answer to a statement. A server that is gone without a word would else be waited for until TCP gives up.
    pub answer: Duration,
}

/// Connections to one server.
#[derive(Clone)]
pub(super) struct Server {
    pool: PgPool,
    patience: Patience,
    doubts: Doubts,
}

impl Server {
    /// Opens its first connection when it is needed.
    pub fn new(options: PgConnectOptions, max_connections: u32, patience: Patience) -> Self {
        let doubts = Doubts::default();
        let (before, after) = (doubts.clone(), doubts.clone());
        let last_use = Arc::new(AtomicU64::new(wall_clock()));
        let on_release = last_use.clone();
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(patience.connection)
            .idle_timeout(None)
            .max_lifetime(Duration::from_mins(30))
            .test_before_acquire(false)
            .before_acquire(move |connection, known| {
                // Of the time in which it was frozen, only the wall clock tells the process.
                let idle = wall_clock().saturating_sub(last_use.load(Ordering::Relaxed));
                let stale = idle > STALE_AFTER.as_secs() || known.idle_for > STALE_AFTER;
                let doubted = before.concern(known.age);
                Box::pin(async move { Ok(!doubted && (!stale || answers(connection).await)) })
            })
            .after_release(move |_, known| {
                on_release.store(wall_clock(), Ordering::Relaxed);
                let doubted = after.concern(known.age);
                Box::pin(async move { Ok(!doubted) })
            })
            .connect_lazy_with(options);
        Self {
            pool,
            patience,
            doubts,
        }
    }

    /// The same over a pool that exists already.
    pub fn over(pool: PgPool, patience: Patience) -> Self {
        Self {
            pool,
            patience,
            doubts: Doubts::default(),
        }
    }

    /// A connection that is worth trying.
    pub async fn acquire(&self) -> sqlx::Result<Lease> {
        Ok(Lease {
            connection: Some(self.pool.acquire().await?),
            in_transaction: false,
        })
    }

    /// Has later connections opened in another way.
    pub fn set_options(&self, options: PgConnectOptions) {
        self.pool.set_connect_options(options);
    }

    /// Waits for the answer to a statement. After one that speaks against the connection, none that was open by now is used
    /// again: the others led to the same place.
    pub async fn answer<T>(
        &self,
        statement: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        let result = timeout(self.patience.answer, statement)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        if let Err(error) = &result
            && is_lost(error)
        {
            self.doubts.raise();
        }
        result
    }
}

/// A connection in use.
pub(super) struct Lease {
    /// There until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    /// Work was begun and neither committed nor rolled back.
    pub in_transaction: bool,
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is in use")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is in use")
    }
}

impl Drop for Lease {
    /// The pool tries each connection that it gets back, and would wait for ever for a server that is gone without a word:
    /// with a pool of one, every later request would wait with it.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        connection.close_on_drop();
        let unfinished = self.in_transaction;
        tokio::spawn(async move {
            let back = async {
                if unfinished
                    && let Err(error) = raw_sql("rollback").execute(&mut *connection).await
                {
                    tracing::debug!(%error, "a transaction ends with its connection");
                }
                connection.return_to_pool().await;
            };
            if timeout(TRIAL, back).await.is_err() {
                tracing::warn!("a connection to the database has fallen silent");
            }
        });
    }
}

/// Whether an error speaks against the connection and not only against the statement.
fn is_lost(error: &sqlx::Error) -> bool {
    let over_time =
        matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("57014"));
    is_outage(error) && !over_time
}

async fn answers(connection: &mut PgConnection) -> bool {
    matches!(timeout(TRIAL, connection.ping()).await, Ok(Ok(())))
}

fn wall_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// When a connection last failed: what was opened before is not used again.
#[derive(Clone, Default)]
struct Doubts(Arc<Mutex<Option<Instant>>>);

impl Doubts {
    /// Whether they concern a connection of that age.
    fn concern(&self, age: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < age)
    }

    fn raise(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
