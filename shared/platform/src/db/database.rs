//! The database of an instance: its primary and its replicas.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, Connection, Execute, Executor, PgConnection, Postgres, SqlSafeStr, SqlStr,
    postgres::{PgRow, PgStatement, PgTypeInfo},
};
use tokio::time::timeout;

use super::{
    brief,
    connect::connect_options,
    error::{LostRace, is_rejected_password},
    lease::Lease,
    pool::{Pool, Timeouts, timed_out},
    repeat::may_repeat,
    replicas::{self, Replica},
    secret::AddressSecret,
    statement::{OutputStream, Statement, StatementOutput, first_row, stream_output},
    timer::StatementTimer,
    transaction::Tx,
};
use crate::{
    breaker::Breaker,
    config::{DatabaseConfig, Pooler},
};

/// Timeouts of the primary, after which a request fails with 503. The statement timeout is one second longer than the
/// server's own. A server that does not respond at all is noticed within two seconds.
const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_millis(900),
    silence: Duration::from_millis(900),
    statement: Duration::from_secs(6),
};
/// Maximum number of attempts after serialization failures and deadlocks.
const MAX_ATTEMPTS: u32 = 5;
/// Maximum time that a request waits until the secret has been read again. Reading continues after that.
const SECRET_TIMEOUT: Duration = Duration::from_secs(1);
/// After the secret took longer, requests do not wait for it during this time.
const SECRET_PAUSE: Duration = Duration::from_secs(5);

/// The database. `&Db` runs single statements; [`Db::begin`] starts a transaction.
#[derive(Clone)]
pub struct Db(Arc<DbInner>);

struct DbInner {
    primary: Pool,
    replicas: Vec<Replica>,
    /// Statements are unnamed, for a pooler that does not keep them.
    unnamed: bool,
    /// The statement that starts a transaction.
    begin: SqlStr,
    production: bool,
    secret: AddressSecret,
    /// Open after the secret took too long.
    slow_secret: Breaker,
}

impl Db {
    /// Creates a pool that opens its first connection when it is needed. `secret_names` are those of
    /// [`secrets::load`](crate::secrets::load), which reads the secret again if the database rejects the password.
    pub fn new(
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        let options = connect_options(config, production)?;
        let is_direct = config.pooler == Pooler::None;
        let pool =
            |options, timeouts| Pool::new(options, is_direct, config.max_connections, timeouts);
        let primary = pool(options, TIMEOUTS);
        let replicas = config
            .replica_urls
            .iter()
            .map(|url| {
                let options = connect_options(&config.at(url), production)?;
                Ok(Replica::new(pool(options, replicas::TIMEOUTS)))
            })
            .collect::<anyhow::Result<_>>()?;
        let unnamed = config.pooler == Pooler::TransactionUnnamed;
        // Such a pooler accepts no session settings, so the transaction sets the timeout, in the same message.
        let begin = if unnamed {
            begin_within(config.statement_timeout)
        } else {
            SqlStr::from_static("begin")
        };
        Ok(Self(Arc::new(DbInner {
            primary,
            replicas,
            unnamed,
            begin,
            production,
            secret: AddressSecret::new(secret_names, production),
            slow_secret: Breaker::new(SECRET_PAUSE),
        })))
    }

    /// Replaces each connection to the primary when it is next used.
    pub fn reconnect(&self) {
        self.0.primary.invalidate();
    }

    /// Closes all connections. Later statements fail.
    pub fn close(&self) {
        self.0.primary.close();
        for replica in &self.0.replicas {
            replica.pool.close();
        }
    }

    /// Opens a connection before the first request. A failure is logged, and the first request tries again.
    pub async fn warm_up(&self) {
        if let Err(error) = self.acquire().await {
            tracing::warn!(%error, "the database is not reachable yet");
        }
    }

    /// Starts a transaction. Dropping it without [`Tx::commit`] rolls it back.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let _timer = StatementTimer::start(&self.0.begin);
        let connection = self.acquire().await?;
        match self.begin_on(connection).await {
            // The transaction has not begun, so nothing is repeated.
            Err(error) if may_repeat(&error, "select", false) => {
                self.begin_on(self.acquire().await?).await
            }
            result => result,
        }
    }

    async fn begin_on(&self, connection: Lease) -> sqlx::Result<Tx> {
        Tx::begin(connection, self.0.begin.clone(), self.0.unnamed).await
    }

    /// Runs a single statement or a transaction of its own. After a serialization failure or a deadlock it is retried,
    /// up to five attempts in total, so `work` must have no other effects.
    pub async fn retry<T, E: LostRace, F>(&self, work: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut attempt = 1;
        loop {
            match work().await {
                Err(error) if attempt < MAX_ATTEMPTS && error.lost_race() => {
                    attempt += 1;
                    tracing::debug!(
                        attempt,
                        "retrying after a serialization failure or deadlock"
                    );
                }
                result => return result,
            }
        }
    }

    /// Checks over a connection of its own whether another server responds, for example a replica.
    pub async fn reaches(&self, config: &DatabaseConfig, url: &str) -> anyhow::Result<()> {
        let options = connect_options(&config.at(url), self.0.production)?;
        let mut connection = PgConnection::connect_with(&options).await?;
        connection.ping().await?;
        Ok(connection.close().await?)
    }

    async fn acquire(&self) -> sqlx::Result<Lease> {
        match Lease::acquire(&self.0.primary).await {
            Err(error) if is_rejected_password(&error) && self.reread_secret().await => {
                Lease::acquire(&self.0.primary).await
            }
            result => result,
        }
    }

    async fn run(&self, statement: Statement) -> sqlx::Result<StatementOutput> {
        let on_replica = replicas::read(&self.0.replicas, &statement).await;
        if on_replica.password_rejected {
            self.reread_secret().await;
        }
        if let Some(output) = on_replica.output {
            return output;
        }
        let _timer = StatementTimer::start(&statement.sql);
        let mut connection = self.acquire().await?;
        let result = self.run_on(&mut connection, statement.clone()).await;
        let Err(error) = result else {
            return result;
        };
        if !may_repeat(&error, statement.sql.as_str(), connection.has_output) {
            return Err(error);
        }
        tracing::debug!(%error, "repeating a statement on a new connection");
        drop(connection);
        self.run_on(&mut self.acquire().await?, statement).await
    }

    async fn run_on(
        &self,
        connection: &mut Lease,
        statement: Statement,
    ) -> sqlx::Result<StatementOutput> {
        let work = async {
            if !statement.unnamed {
                return connection.run(statement).await;
            }
            connection.in_transaction = true;
            let begin = brief::limit().map_or_else(|| self.0.begin.clone(), begin_within);
            connection.command(begin).await?;
            let output = connection.run(statement).await?;
            connection.command(SqlStr::from_static("commit")).await?;
            connection.in_transaction = false;
            Ok(output)
        };
        let result = brief::within_limit(work).await;
        result.unwrap_or_else(|| {
            connection.abandon();
            Err(timed_out())
        })
    }

    /// Reads the addresses from the secret again, after a rotation. Returns whether another attempt may succeed.
    async fn reread_secret(&self) -> bool {
        if self.0.slow_secret.is_open() {
            return false;
        }
        let inner = self.0.clone();
        let read = tokio::spawn(async move {
            let replicas = inner.replicas.iter().map(|replica| &replica.pool);
            inner.secret.read_again(&inner.primary, replicas).await
        });
        let Ok(read) = timeout(SECRET_TIMEOUT, read).await else {
            self.0.slow_secret.open();
            return false;
        };
        read.is_ok_and(|succeeded| succeeded)
    }
}

/// Returns the statement that starts a transaction and limits the time of each of its statements.
fn begin_within(limit: Duration) -> SqlStr {
    let limit = limit.as_millis();
    AssertSqlSafe(format!("begin; set local statement_timeout = {limit}")).into_sql_str()
}

impl<'c> Executor<'c> for &'c Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> OutputStream<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::new(query, self.0.unnamed);
        stream_output(async move { self.run(statement?).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::new(query, self.0.unnamed);
        Box::pin(async move { Ok(first_row(self.run(statement?).await?)) })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            connection.connection()?.prepare_with(sql, parameters).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            connection.connection()?.describe(sql).await
        })
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("unnamed", &self.0.unnamed)
            .finish_non_exhaustive()
    }
}
