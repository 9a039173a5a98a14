//! The connections to one server. They are opened when they are needed, tested when they are stale, and replaced when
//! they are broken. A server that cannot be reached fails at once.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use super::error::{is_broken_connection, is_not_ready, is_unknown_setting, is_unreachable};
use crate::breaker::Breaker;

/// A connection that was idle for longer is tested before use. The server may have closed it, or the instance may have
/// been frozen.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// Timeout of such a test.
pub(super) const TEST_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum age of a connection.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
/// Maximum time to wait for a connection while all are in use.
const SLOT_TIMEOUT: Duration = Duration::from_secs(3);
/// After a failure to connect, no connection is opened during this time.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause between two attempts to connect to a server that is starting or has no free connection.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Interval at which the server checks, while it runs a statement, whether the client has closed the connection. Then it
/// cancels the statement.
const CLIENT_CHECK: (&str, &str) = ("client_connection_check_interval", "200");

/// Timeouts for the use of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For opening a connection.
    pub connection: Duration,
    /// After this time without a response to a statement, a new connection tests whether the server is alive. Without
    /// it, a silently dead server is indistinguishable from a slow statement.
    pub silence: Duration,
    /// For the response to a statement.
    pub statement: Duration,
}

/// The connections to one server. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct Pool(Arc<PoolInner>);

struct PoolInner {
    options: Mutex<PgConnectOptions>,
    /// Connections start with [`CLIENT_CHECK`]. Poolers reject it, and servers on Windows.
    checks_client: AtomicBool,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<IdleConnection>>,
    timeouts: Timeouts,
    /// Connections opened earlier are not used again.
    valid_since: Mutex<Instant>,
    unreachable: Breaker,
}

/// A connection taken from the pool.
pub(super) struct Taken {
    pub connection: PgConnection,
    pub opened_at: Instant,
    /// Held while the connection is in use.
    pub slot: OwnedSemaphorePermit,
}

struct IdleConnection {
    connection: PgConnection,
    opened_at: Instant,
    /// Wall-clock time, because the monotonic clock stops while the instance is frozen.
    released_at: SystemTime,
}

impl Pool {
    /// Creates a pool that opens its first connection when it is needed. `is_direct` means that there is no pooler.
    pub fn new(
        options: PgConnectOptions,
        is_direct: bool,
        max_connections: u32,
        timeouts: Timeouts,
    ) -> Self {
        let slots = usize::try_from(max_connections).unwrap_or(usize::MAX);
        Self(Arc::new(PoolInner {
            options: Mutex::new(options),
            checks_client: AtomicBool::new(is_direct),
            slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            idle: Mutex::default(),
            timeouts,
            valid_since: Mutex::new(Instant::now()),
            unreachable: Breaker::new(PAUSE),
        }))
    }

    /// Takes an idle connection or opens a new one.
    pub async fn take(&self) -> sqlx::Result<Taken> {
        let slot = timeout(SLOT_TIMEOUT, self.0.slots.clone().acquire_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(mut idle) = self.pop() {
            if self.is_usable(&mut idle).await {
                return Ok(Taken {
                    connection: idle.connection,
                    opened_at: idle.opened_at,
                    slot,
                });
            }
        }
        let opened_at = Instant::now();
        let connection = self.connect().await?;
        Ok(Taken {
            connection,
            opened_at,
            slot,
        })
    }

    /// Keeps a connection for the next use.
    pub fn release(&self, connection: PgConnection, opened_at: Instant) {
        if self.0.slots.is_closed() {
            return;
        }
        lock(&self.0.idle).push(IdleConnection {
            connection,
            opened_at,
            released_at: SystemTime::now(),
        });
    }

    /// Closes all connections. Later uses fail.
    pub fn close(&self) {
        self.0.slots.close();
        lock(&self.0.idle).clear();
    }

    /// Sets the options of connections opened from now on.
    pub fn set_options(&self, options: PgConnectOptions) {
        *lock(&self.0.options) = options;
        self.0.unreachable.close();
    }

    /// Discards every connection opened before now, when it is next used.
    pub fn invalidate(&self) {
        *lock(&self.0.valid_since) = Instant::now();
    }

    /// Waits for the response to a statement within the timeout. If the error means that the connection is broken, every
    /// connection opened before now is discarded, because the others lead to the same server.
    pub async fn supervise<T>(
        &self,
        statement: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        let mut statement = pin!(statement);
        let result = match timeout(self.0.timeouts.silence, &mut statement).await {
            Ok(result) => result,
            Err(_) => self.wait_while_alive(statement).await,
        };
        if let Err(error) = &result
            && is_broken_connection(error)
        {
            self.invalidate();
        }
        result
    }

    /// Waits for the rest of the timeout, as long as the server accepts connections.
    async fn wait_while_alive<T>(
        &self,
        statement: Pin<&mut impl Future<Output = sqlx::Result<T>>>,
    ) -> sqlx::Result<T> {
        let Timeouts {
            silence,
            statement: limit,
            ..
        } = self.0.timeouts;
        let dead = async {
            if self.is_alive().await {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            result = timeout(limit.saturating_sub(silence), statement) => {
                result.unwrap_or_else(|_| Err(timed_out()))
            }
            () = dead => Err(timed_out()),
        }
    }

    /// Returns whether the server responds to an attempt to connect.
    async fn is_alive(&self) -> bool {
        match self.open().await {
            Ok(connection) => {
                tokio::spawn(timeout(TEST_TIMEOUT, connection.close()));
                true
            }
            Err(error) => !is_unreachable(&error),
        }
    }

    /// Opens a connection. A server that is starting, or has no free connection, is tried again within the timeout.
    async fn connect(&self) -> sqlx::Result<PgConnection> {
        let started = Instant::now();
        loop {
            match self.open().await {
                Err(error)
                    if is_not_ready(&error)
                        && started.elapsed() + RETRY_INTERVAL < self.0.timeouts.connection =>
                {
                    sleep(RETRY_INTERVAL).await;
                }
                result => return result,
            }
        }
    }

    /// Opens a connection, unless the server could not be reached a moment ago.
    async fn open(&self) -> sqlx::Result<PgConnection> {
        if self.0.unreachable.is_open() {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "the server could not be reached a moment ago",
            )
            .into());
        }
        let options = lock(&self.0.options).clone();
        let attempt = async {
            if !self.0.checks_client.load(Ordering::Relaxed) {
                return options.connect().await;
            }
            match options.clone().options([CLIENT_CHECK]).connect().await {
                Err(error) if is_unknown_setting(&error) => {
                    self.0.checks_client.store(false, Ordering::Relaxed);
                    options.connect().await
                }
                result => result,
            }
        };
        let result = timeout(self.0.timeouts.connection, attempt)
            .await
            .unwrap_or_else(|_| Err(timed_out()));
        match &result {
            Ok(_) => self.0.unreachable.close(),
            Err(error) if is_unreachable(error) => self.0.unreachable.open(),
            Err(_) => {}
        }
        result
    }

    async fn is_usable(&self, idle: &mut IdleConnection) -> bool {
        let valid_since = *lock(&self.0.valid_since);
        if idle.opened_at < valid_since || idle.opened_at.elapsed() > MAX_LIFETIME {
            return false;
        }
        // If the clock was set back, the connection is stale.
        let is_fresh = (idle.released_at.elapsed()).is_ok_and(|elapsed| elapsed < STALE_AFTER);
        let usable = is_fresh || responds(&mut idle.connection).await;
        if !usable {
            self.invalidate();
        }
        usable
    }

    fn pop(&self) -> Option<IdleConnection> {
        lock(&self.0.idle).pop()
    }
}

/// Returns whether a connection is in order. Unread bytes that the server sent before it closed the connection are read.
pub(super) async fn responds(connection: &mut PgConnection) -> bool {
    matches!(timeout(TEST_TIMEOUT, connection.ping()).await, Ok(Ok(())))
}

/// The error of a server that does not respond.
pub(super) fn timed_out() -> sqlx::Error {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
