//! One instance's way to PostgreSQL: a lazy pool that survives freezes, failovers, rotated passwords and poolers.

mod replicas;
mod server;

use std::{
    cell::Cell,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};
use sqlx::{
    ConnectOptions as _, Connection, Either, Execute, Executor, PgConnection, PgPool, Postgres,
    SqlSafeStr, SqlStr,
    postgres::{
        PgArguments, PgConnectOptions, PgQueryResult, PgRow, PgSslMode, PgStatement, PgTypeInfo,
    },
    raw_sql,
};

pub use self::replicas::anonymously;
use self::{
    replicas::Replica,
    server::{Lease, Patience, Server},
};
use crate::{config::DatabaseConfig, http, secrets, telemetry};

/// How long a request waits for the primary before it is answered with 503: a second longer for an answer than the server
/// lets a statement run.
const PATIENCE: Patience = Patience {
    connection: Duration::from_secs(3),
    answer: Duration::from_secs(6),
};
/// Time from which a statement is told of in the log.
const SLOW: Duration = Duration::from_millis(200);
/// How often a transaction that lost a race is tried.
const MAX_ATTEMPTS: u32 = 5;
/// How seldom the secret is read again when the database refuses the password.
const REREAD_AFTER: Duration = Duration::from_secs(5);

/// What a statement answers.
type Rows = Vec<Either<PgQueryResult, PgRow>>;
type RowStream<'e> = BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>;

/// The database. `&Db` runs single statements; [`Db::begin`] and [`Db::transaction`] run several as one.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    primary: Server,
    replicas: Vec<Replica>,
    transaction_pooler: bool,
    begin: String,
    production: bool,
    secret_names: &'static [&'static str],
    reread: tokio::sync::Mutex<Option<Instant>>,
}

impl Db {
    /// A pool that opens its first connection when it is needed. `secret_names` as in [`secrets::load`], which is asked
    /// again when the database refuses the password.
    pub fn new(
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        let primary = Server::new(
            connect_options(config, production)?,
            config.max_connections,
            PATIENCE,
        );
        let replicas = config
            .replica_urls
            .iter()
            .map(|url| {
                let options = connect_options(&config.at(url), production)?;
                let server = Server::new(options, config.max_connections, replicas::PATIENCE);
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

    /// The same over a pool that exists already, without replicas.
    pub fn with_pool(
        pool: PgPool,
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> Self {
        let primary = Server::over(pool, PATIENCE);
        Self::of(primary, Vec::new(), config, production, secret_names)
    }

    fn of(
        primary: Server,
        replicas: Vec<Replica>,
        config: &DatabaseConfig,
        production: bool,
        secret_names: &'static [&'static str],
    ) -> Self {
        // A pooler takes no session settings, so there the limit comes with the transaction, in the same message.
        let begin = if config.transaction_pooler {
            format!(
                "begin; set local statement_timeout = {}",
                config.statement_timeout.as_millis()
            )
        } else {
            "begin".to_owned()
        };
        Self(Arc::new(Inner {
            primary,
            replicas,
            transaction_pooler: config.transaction_pooler,
            begin,
            production,
            secret_names,
            reread: tokio::sync::Mutex::new(None),
        }))
    }

    /// Opens a connection ahead of the first request. Failure is logged: the first request tries again.
    pub async fn warm_up(&self) {
        if let Err(error) = self.acquire().await {
            tracing::warn!(%error, "the database is not reachable yet");
        }
    }

    /// Starts a transaction; it is rolled back when dropped without [`Tx::commit`].
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let begin = sqlx::AssertSqlSafe(self.0.begin.clone()).into_sql_str();
        let _timer = Timer::start(&begin);
        let mut connection = self.acquire().await?;
        let server = self.0.primary.clone();
        connection.in_transaction = true;
        let begun = raw_sql(begin).execute(&mut *connection);
        server.answer(begun).await?;
        Ok(Tx {
            connection,
            server,
            unnamed: self.0.transaction_pooler,
        })
    }

    /// Runs `work` in a transaction and commits it; from the start again where it lost a race (serialization failure or
    /// deadlock), up to five times. `work` may therefore run more than once and must have no other effects.
    pub async fn transaction<T: Send>(
        &self,
        work: impl for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, http::Result<T>> + Send + Sync,
    ) -> http::Result<T> {
        let mut attempt = 1;
        loop {
            let mut tx = self.begin().await?;
            let result = match work(&mut tx).await {
                Ok(value) => tx.commit().await.map(|()| value).map_err(http::Error::from),
                Err(error) => Err(error),
            };
            match result {
                Err(error) if attempt < MAX_ATTEMPTS && error.lost_race() => {
                    attempt += 1;
                    tracing::debug!(attempt, "a transaction lost a race and is tried again");
                }
                result => return result,
            }
        }
    }

    /// Runs a single statement, or a transaction of its own; again where it lost a race (serialization failure or
    /// deadlock), up to five times.
    pub async fn retry<T, E: LostRace, F>(&self, work: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut attempt = 1;
        loop {
            match work().await {
                Err(error) if attempt < MAX_ATTEMPTS && error.lost_race() => {
                    attempt += 1;
                    tracing::debug!(attempt, "work lost a race and is tried again");
                }
                result => return result,
            }
        }
    }

    /// Asks another server, e.g. a replica, whether it answers, over a connection of its own.
    pub async fn reaches(&self, config: &DatabaseConfig, url: &str) -> anyhow::Result<()> {
        let options = connect_options(&config.at(url), self.0.production)?;
        let mut connection = PgConnection::connect_with(&options).await?;
        connection.ping().await?;
        Ok(connection.close().await?)
    }

    async fn acquire(&self) -> sqlx::Result<Lease> {
        match self.0.primary.acquire().await {
            Err(error) if is_refused_password(&error) && self.reread_secret().await => {
                self.0.primary.acquire().await
            }
            result => result,
        }
    }

    /// Runs a single statement.
    async fn run(&self, statement: Statement) -> sqlx::Result<Rows> {
        if let Some(rows) = replicas::ask(&self.0.replicas, &statement).await {
            return Ok(rows);
        }
        let _timer = Timer::start(&statement.sql);
        let mut connection = self.acquire().await?;
        if !statement.unnamed {
            return self.0.primary.answer(statement.run(&mut connection)).await;
        }
        let begin = sqlx::AssertSqlSafe(self.0.begin.clone()).into_sql_str();
        let work = async {
            let mut tx = connection.begin_with(begin).await?;
            let rows = statement.run(&mut tx).await?;
            tx.commit().await?;
            Ok(rows)
        };
        self.0.primary.answer(work).await
    }

    /// Takes the address from the secret again, after a rotation. Whether it is worth another try.
    async fn reread_secret(&self) -> bool {
        let mut last = self.0.reread.lock().await;
        if let Some(last) = *last
            && last.elapsed() < REREAD_AFTER
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
                *last = Some(Instant::now());
                true
            }
            Err(error) => {
                tracing::error!(error = %format_args!("{error:#}"), "the secret has no usable address");
                false
            }
        }
    }
}

/// How to reach the database that is configured: in production with a certificate that is checked, unless it is local.
pub fn connect_options(
    config: &DatabaseConfig,
    production: bool,
) -> anyhow::Result<PgConnectOptions> {
    let options: PgConnectOptions = match &config.url {
        // The parser's words may quote the password.
        Some(url) => url
            .parse()
            .map_err(|_| anyhow::anyhow!("the value of DATABASE_URL is not an address"))?,
        None => PgConnectOptions::new(),
    };
    let verified = matches!(
        options.get_ssl_mode(),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    let local = matches!(
        options.get_host(),
        "localhost" | "127.0.0.1" | "::1" | "[::1]"
    ) || options.get_socket().is_some();
    let options = if production && !local && !verified {
        options.ssl_mode(PgSslMode::VerifyFull)
    } else {
        options
    };
    let options = match &config.authorities {
        Some(certificates) => options.ssl_root_cert_from_pem(certificates.clone().into_bytes()),
        None => options,
    };
    // Statements are told of here (`Timer`), with their route.
    let options = options.disable_statement_logging();
    Ok(if config.transaction_pooler {
        // PgBouncer takes no parameter at the start of a connection that it does not know.
        options.statement_cache_capacity(0).extra_float_digits(None)
    } else {
        options.application_name("codecave").options([
            (
                "statement_timeout",
                config.statement_timeout.as_millis().to_string(),
            ),
            // Compiling a plan takes longer than any of these statements may.
            ("jit", "off".to_owned()),
        ])
    })
}

/// A transaction. `&mut tx` runs statements.
pub struct Tx {
    connection: Lease,
    server: Server,
    unnamed: bool,
}

impl Tx {
    /// Makes the work durable and visible.
    pub async fn commit(self) -> sqlx::Result<()> {
        let _timer = Timer::start(&SqlStr::from_static("commit"));
        self.end("commit").await
    }

    /// Drops the work, as dropping this does, but waits for it.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.end("rollback").await
    }

    async fn end(mut self, how: &'static str) -> sqlx::Result<()> {
        let ended = raw_sql(how).execute(&mut *self.connection);
        self.server.answer(ended).await?;
        self.connection.in_transaction = false;
        Ok(())
    }

    async fn run(&mut self, statement: Statement) -> sqlx::Result<Rows> {
        let _timer = Timer::start(&statement.sql);
        let rows = statement.run(&mut self.connection);
        self.server.answer(rows).await
    }
}

impl<'c> Executor<'c> for &'c Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> RowStream<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let rows = async move {
            let rows = self
                .run(Statement::of(query, self.0.transaction_pooler)?)
                .await?;
            Ok::<_, sqlx::Error>(stream::iter(rows.into_iter().map(Ok)))
        };
        stream::once(rows).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let rows = self
                .run(Statement::of(query, self.0.transaction_pooler)?)
                .await?;
            Ok(rows.into_iter().find_map(Either::right))
        })
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

impl<'c> Executor<'c> for &'c mut Tx {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> RowStream<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let rows = async move {
            let rows = self.run(Statement::of(query, self.unnamed)?).await?;
            Ok::<_, sqlx::Error>(stream::iter(rows.into_iter().map(Ok)))
        };
        stream::once(rows).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let rows = self.run(Statement::of(query, self.unnamed)?).await?;
            Ok(rows.into_iter().find_map(Either::right))
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        let connection: &mut PgConnection = &mut self.connection;
        connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        let connection: &mut PgConnection = &mut self.connection;
        connection.describe(sql)
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("transaction_pooler", &self.0.transaction_pooler)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

/// A query taken apart, so that its text can be told of, its kind of preparation chosen, and another server asked.
#[derive(Clone)]
struct Statement {
    sql: SqlStr,
    arguments: Option<PgArguments>,
    persistent: bool,
    unnamed: bool,
}

impl Statement {
    /// `unnamed` leaves no named statement behind on the server: behind a transaction-mode pooler the next transaction may
    /// get another server connection.
    fn of<'q, E: Execute<'q, Postgres>>(mut query: E, unnamed: bool) -> sqlx::Result<Self> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = query.persistent() && !unnamed;
        Ok(Self {
            sql: query.sql(),
            arguments,
            persistent,
            unnamed,
        })
    }

    async fn run(self, connection: &mut PgConnection) -> sqlx::Result<Rows> {
        connection.fetch_many(self).try_collect().await
    }
}

impl Execute<'_, Postgres> for Statement {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// Stands in a statement for a viewer who has not signed in. No user has this id; for null PostgreSQL would not keep a plan,
/// since one made for null alone is so much cheaper.
pub const NOBODY: &str = "";

/// Statements of one request and the time spent on them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Round trips, BEGIN and COMMIT included.
    pub statements: u32,
    /// Time spent waiting for the database.
    pub time: Duration,
    /// The guard's part of that time.
    pub session_time: Duration,
}

tokio::task_local! {
    static USAGE: Cell<Usage>;
}

/// Runs a request and tells what it asked of the database.
pub async fn measured<T>(work: impl Future<Output = T>) -> (T, Usage) {
    let measured = USAGE.scope(Cell::new(Usage::default()), async {
        let result = work.await;
        (result, USAGE.with(Cell::get))
    });
    let (result, usage) = measured.await;
    // A test measures around the request stack, which measures too.
    let _ = USAGE.try_with(|outer| {
        let so_far = outer.get();
        outer.set(Usage {
            statements: so_far.statements + usage.statements,
            time: so_far.time + usage.time,
            session_time: so_far.session_time + usage.session_time,
        });
    });
    (result, usage)
}

/// Measures one round trip from its start until it is dropped.
struct Timer {
    sql: SqlStr,
    started: Instant,
    _span: Option<telemetry::Span>,
}

impl Timer {
    fn start(sql: &SqlStr) -> Self {
        Self {
            _span: telemetry::statement_span(sql.as_str()),
            sql: sql.clone(),
            started: Instant::now(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let time = self.started.elapsed();
        // Outside a request, as in a test's own statements, nobody counts.
        let _ = USAGE.try_with(|usage| {
            let so_far = usage.get();
            usage.set(Usage {
                statements: so_far.statements + 1,
                time: so_far.time + time,
                ..so_far
            });
        });
        metrics::histogram!("db_query_duration_seconds").record(time.as_secs_f64());
        if time >= SLOW {
            telemetry::slow_statement(self.sql.as_str(), time);
        }
    }
}

/// Notes how long the guard took to find the caller, for `Server-Timing`.
pub fn record_session(time: Duration) {
    let _ = USAGE.try_with(|usage| {
        usage.set(Usage {
            session_time: time,
            ..usage.get()
        });
    });
}

/// Whether the database could not be reached or did not answer in time, as opposed to refusing a statement.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection exceptions, refused credentials, unknown database, too few resources, operator intervention
            // (which a statement over its time limit is too), a standby after a failover.
            code.starts_with("08")
                || code.starts_with("28")
                || code.starts_with("53")
                || code.starts_with("57")
                || code == "3D000"
                || code == "25006"
        }),
        _ => false,
    }
}

/// An error that may tell of a lost race.
pub trait LostRace {
    /// Whether the same work may succeed when tried again: serialization failure or deadlock.
    fn lost_race(&self) -> bool;
}

impl LostRace for sqlx::Error {
    fn lost_race(&self) -> bool {
        matches!(self, Self::Database(error) if matches!(error.code().as_deref(), Some("40001" | "40P01")))
    }
}

impl LostRace for http::Error {
    fn lost_race(&self) -> bool {
        matches!(self, Self::Internal(cause) if cause.downcast_ref().is_some_and(sqlx::Error::lost_race))
    }
}

fn is_refused_password(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if matches!(error.code().as_deref(), Some("28P01" | "28000")))
}
