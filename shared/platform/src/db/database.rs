//! The database of an instance: its primary and its replicas.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, Connection, Execute, Executor, PgConnection, PgPool, Postgres, SqlSafeStr,
    SqlStr,
    postgres::{PgRow, PgStatement, PgTypeInfo},
};
use tokio::sync::Mutex;

use super::{
    connect::connect_options,
    error::{LostRace, is_rejected_password},
    replicas::{self, Replica},
    server::{Lease, Server, Timeouts},
    statement::{OutputStream, Statement, StatementOutput, first_row, stream_output},
    timer::StatementTimer,
    transaction::Tx,
};
use crate::{config::DatabaseConfig, secrets};

/// Timeouts of the primary, after which a request fails with 503. The statement timeout is one second longer than the
/// server's own.
const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_secs(3),
    statement: Duration::from_secs(6),
};
/// Maximum number of attempts after serialization failures and deadlocks.
const MAX_ATTEMPTS: u32 = 5;
/// Minimum interval between re-reads of the secret while the database rejects the password.
const SECRET_INTERVAL: Duration = Duration::from_secs(5);

/// The database. `&Db` runs single statements; [`Db::begin`] starts a transaction.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    primary: Server,
    replicas: Vec<Replica>,
    transaction_pooler: bool,
    /// The statement that starts a transaction.
    begin: SqlStr,
    production: bool,
    secret_names: &'static [&'static str],
    secret_read_at: Mutex<Option<Instant>>,
}

impl Db {
    /// Creates a pool that opens its first connection when it is needed. `secret_names` are those of [`secrets::load`],
    /// which reads the secret again if the database rejects the password.
    pub fn new(
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        let primary = Server::new(
            connect_options(config, production)?,
            config.max_connections,
            TIMEOUTS,
        );
        let replicas = config
            .replica_urls
            .iter()
            .map(|url| {
                let options = connect_options(&config.at(url), production)?;
                let server = Server::new(options, config.max_connections, replicas::TIMEOUTS);
                Ok(Replica::new(server))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self::of(
            primary,
            replicas,
            config,
            production,
            secret_names,
        ))
    }

    /// Uses an existing pool, without replicas.
    pub fn with_pool(
        pool: PgPool,
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> Self {
        let primary = Server::over(pool, TIMEOUTS);
        Self::of(primary, Vec::new(), config, production, secret_names)
    }

    fn of(
        primary: Server,
        replicas: Vec<Replica>,
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> Self {
        // A pooler accepts no session settings, so the transaction sets the timeout, in the same message.
        let begin = if config.transaction_pooler {
            let begin = format!(
                "begin; set local statement_timeout = {}",
                config.statement_timeout.as_millis()
            );
            AssertSqlSafe(begin).into_sql_str()
        } else {
            SqlStr::from_static("begin")
        };
        Self(Arc::new(Inner {
            primary,
            replicas,
            transaction_pooler: config.transaction_pooler,
            begin,
            production,
            secret_names,
            secret_read_at: Mutex::new(None),
        }))
    }

    /// Opens a connection before the first request. A failure is logged, and the first request tries again.
    pub async fn warm_up(&self) {
        if let Err(error) = self.acquire().await {
            tracing::warn!(%error, "the database is not reachable yet");
        }
    }

    /// Starts a transaction. Dropping it without [`Tx::commit`] rolls it back.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let begin = self.0.begin.clone();
        let _timer = StatementTimer::start(&begin);
        let connection = self.acquire().await?;
        Tx::begin(
            &self.0.primary,
            connection,
            begin,
            self.0.transaction_pooler,
        )
        .await
    }

    /// Runs a single statement or a transaction of its own. After a serialization failure or a deadlock it is retried, up to
    /// five attempts in total, so `work` must have no other effects.
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
        match self.0.primary.acquire().await {
            Err(error) if is_rejected_password(&error) && self.reread_secret().await => {
                self.0.primary.acquire().await
            }
            result => result,
        }
    }

    async fn run(&self, statement: Statement) -> sqlx::Result<StatementOutput> {
        if let Some(output) = replicas::read(&self.0.replicas, &statement).await {
            return Ok(output);
        }
        let _timer = StatementTimer::start(&statement.sql);
        let mut connection = self.acquire().await?;
        if !statement.unnamed {
            return self.0.primary.run(statement.run(&mut connection)).await;
        }
        let work = async {
            let mut tx = connection.begin_with(self.0.begin.clone()).await?;
            let output = statement.run(&mut tx).await?;
            tx.commit().await?;
            Ok(output)
        };
        self.0.primary.run(work).await
    }

    /// Reads the address from the secret again, after a rotation. Returns whether another attempt may succeed.
    async fn reread_secret(&self) -> bool {
        let mut read_at = self.0.secret_read_at.lock().await;
        if let Some(read_at) = *read_at
            && read_at.elapsed() < SECRET_INTERVAL
        {
            return true;
        }
        let variables = match secrets::load(self.0.secret_names).await {
            Ok(variables) => variables,
            Err(error) => {
                tracing::error!(error = %format_args!("{error:#}"), "the secret cannot be read again");
                return false;
            }
        };
        let options = DatabaseConfig::read(&variables)
            .and_then(|config| connect_options(&config, self.0.production));
        match options {
            Ok(options) => {
                self.0.primary.set_options(options);
                *read_at = Some(Instant::now());
                true
            }
            Err(error) => {
                tracing::error!(error = %format_args!("{error:#}"), "the secret has no usable address");
                false
            }
        }
    }
}

impl<'c> Executor<'c> for &'c Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> OutputStream<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::new(query, self.0.transaction_pooler);
        stream_output(async move { self.run(statement?).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::new(query, self.0.transaction_pooler);
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
            connection.prepare_with(sql, parameters).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            connection.describe(sql).await
        })
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("transaction_pooler", &self.0.transaction_pooler)
            .finish_non_exhaustive()
    }
}
