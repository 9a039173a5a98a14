//! Applies the migrations while other programs read and write.

use std::{
    fmt,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction,
    error::DatabaseError,
    migrate::{Migration, Migrator},
    postgres::PgConnectOptions,
};
use tokio::time::sleep;

use crate::{
    Progress,
    history::{applied, missing, record},
    index::{IndexState, drop_invalid_index, index_state},
    lock::{MigratorLock, wait_for_predecessor},
    script::{Kind, Statement, statements},
};

/// Maximum time that a statement waits for a lock. Readers and writers queue behind it meanwhile.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// Pause after the first attempt that obtained no lock. Each further pause is twice as long, up to the maximum.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// Time after which a statement that obtains no lock fails.
const PATIENCE: Duration = Duration::from_mins(5);
/// Intended duration of a batch, whose rows are locked meanwhile.
const BATCH_TIME: Duration = Duration::from_millis(50);
const FIRST_BATCH: i32 = 100;
const MIN_BATCH: i32 = 10;
const MAX_BATCH: i32 = 5000;

/// How a run connects and works.
pub struct Options<'a> {
    pub database: &'a PgConnectOptions,
    /// Whether the address is that of a pooler that gives every transaction another server connection. Settings of a session
    /// would then reach other clients, so the limits of the role also apply to the creation of indexes.
    pub is_pooled: bool,
    /// Time after which a statement fails. `None` sets no limit.
    pub limit: Option<Duration>,
    pub progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl<'a> Options<'a> {
    /// A direct connection without a time limit.
    pub fn new(
        database: &'a PgConnectOptions,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Self {
        Self {
            database,
            is_pooled: false,
            limit: None,
            progress,
        }
    }
}

/// The result of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Version and description of the migrations that were applied, oldest first.
    pub applied: Vec<(i64, String)>,
    /// Versions in the database that this program does not have. A newer program applied them.
    pub unknown: Vec<i64>,
}

/// The failure of a statement of a migration.
#[derive(Debug)]
pub struct StatementError {
    pub version: i64,
    pub description: String,
    /// The text that was sent.
    pub statement: String,
    /// Line of the statement in its file.
    pub line: usize,
    pub cause: sqlx::Error,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            sqlx::Error::Database(said) => f.write_str(said.message())?,
            cause => write!(f, "{cause}")?,
        }
        write!(f, " (migration {})", self.version)
    }
}

impl std::error::Error for StatementError {}

/// Applies all missing migrations, one after the other. A migration is one transaction, unless its file starts with
/// `-- no-transaction`: then each statement is one, and all of them can be executed again. A run that fails or is killed at
/// any point leaves a database that works, and the next run continues.
///
/// A statement that finds a lock taken gives up after 100 ms and tries again later, so that no reader or writer queues behind
/// it. A second program waits for the first. No prepared statement outlives a transaction.
pub async fn run(migrator: &Migrator, options: Options<'_>) -> anyhow::Result<Outcome> {
    let lock = MigratorLock::obtain(options.database, options.progress).await?;
    let mut connection = PgConnection::connect_with(options.database).await?;
    if !options.is_pooled {
        sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = 0")
            .execute(&mut connection)
            .await?;
        wait_for_predecessor(&mut connection).await?;
    }
    let before = applied(&mut connection).await?;
    let missing = missing(migrator, &before)?;
    let outcome = Outcome {
        applied: missing
            .iter()
            .map(|migration| (migration.version, migration.description.to_string()))
            .collect(),
        unknown: before
            .iter()
            .map(|(version, _)| *version)
            .filter(|version| !migrator.version_exists(*version))
            .collect(),
    };
    let mut runner = Runner {
        deadline: options.limit.map(|limit| Instant::now() + limit),
        connection,
        lock,
        progress: options.progress,
    };
    for migration in missing {
        runner.apply(migration).await?;
    }
    runner.connection.close().await?;
    runner.lock.release().await?;
    Ok(outcome)
}

struct Runner<'a> {
    connection: PgConnection,
    lock: MigratorLock,
    deadline: Option<Instant>,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

/// A statement that failed, and how.
type Failure<'a> = (Statement<'a>, sqlx::Error);

impl Runner<'_> {
    async fn apply(&mut self, migration: &Migration) -> anyhow::Result<()> {
        let started = Instant::now();
        self.lock.verify().await?;
        (self.progress)(Progress::Started {
            version: migration.version,
            description: migration.description.to_string(),
        });
        let script = statements(migration.sql.as_str());
        if migration.no_tx {
            for statement in &script {
                self.step(migration, statement).await?;
            }
            self.transaction(migration, &[], true).await?;
        } else {
            self.transaction(migration, &script, true).await?;
        }
        (self.progress)(Progress::Applied {
            version: migration.version,
            elapsed: started.elapsed(),
        });
        Ok(())
    }

    /// Executes a statement of a file without a transaction.
    async fn step(
        &mut self,
        migration: &Migration,
        statement: &Statement<'_>,
    ) -> anyhow::Result<()> {
        match statement.kind {
            Kind::Generates => {
                let texts: Vec<Option<String>> = sqlx::query_scalar(assert_safe(statement.text))
                    .persistent(false)
                    .fetch_all(&mut self.connection)
                    .await
                    .map_err(|cause| failure(migration, statement, cause))?;
                for text in texts.iter().flatten() {
                    let generated = Statement {
                        text: text.trim(),
                        line: statement.line,
                        kind: Kind::Plain,
                        is_accepted: true,
                    };
                    self.simple_step(migration, &generated).await?;
                }
                Ok(())
            }
            Kind::Batches => self.batches(migration, statement).await,
            Kind::Plain => self.simple_step(migration, statement).await,
        }
    }

    async fn simple_step(
        &mut self,
        migration: &Migration,
        statement: &Statement<'_>,
    ) -> anyhow::Result<()> {
        if let Some(name) = statement.concurrent_index() {
            return self.build_index(migration, statement, &name).await;
        }
        if statement.is_concurrent() {
            let started = Instant::now();
            sqlx::raw_sql(assert_safe(statement.text))
                .execute(&mut self.connection)
                .await
                .map_err(|cause| failure(migration, statement, cause))?;
            self.executed(statement, started, 0);
            return Ok(());
        }
        self.transaction(migration, std::slice::from_ref(statement), false)
            .await
    }

    /// Executes statements in one transaction, and records the migration in it. Repeats all of it when a lock is taken.
    async fn transaction(
        &mut self,
        migration: &Migration,
        script: &[Statement<'_>],
        records: bool,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut retries = 0;
        loop {
            let Err((statement, cause)) = self.attempt(migration, script, records, started).await
            else {
                if let Some(first) = script.first() {
                    let whole = script.len() > 1;
                    let summary = if whole {
                        format!("{} statements in one transaction", script.len())
                    } else {
                        first.summary()
                    };
                    (self.progress)(Progress::Executed {
                        line: first.line,
                        summary,
                        elapsed: started.elapsed(),
                        retries,
                    });
                }
                return Ok(());
            };
            if !is_contention(&cause) {
                return Err(failure(migration, &statement, cause).into());
            }
            self.pause(migration, &statement, cause, started, retries)
                .await?;
            retries += 1;
        }
    }

    async fn attempt<'a>(
        &mut self,
        migration: &Migration,
        script: &[Statement<'a>],
        records: bool,
        started: Instant,
    ) -> Result<(), Failure<'a>> {
        let own = |cause| {
            let text = "";
            (
                Statement {
                    text,
                    line: 1,
                    kind: Kind::Plain,
                    is_accepted: true,
                },
                cause,
            )
        };
        let mut tx = self.begin().await.map_err(own)?;
        for statement in script {
            sqlx::raw_sql(assert_safe(statement.text))
                .execute(&mut *tx)
                .await
                .map_err(|cause| (*statement, cause))?;
        }
        if records {
            record(&mut tx, migration, started.elapsed())
                .await
                .map_err(own)?;
        }
        tx.commit().await.map_err(own)
    }

    /// Executes a statement in batches. The statement receives the last key of the previous batch and the size of the batch. It
    /// returns its own last key and its number of rows, or null if no row was left.
    async fn batches(
        &mut self,
        migration: &Migration,
        statement: &Statement<'_>,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut reported = started;
        let (mut key, mut size, mut rows): (Option<String>, _, _) = (None, FIRST_BATCH, 0);
        let (mut retries, mut all_retries) = (0, 0);
        let mut waiting_since = started;
        loop {
            let batch_started = Instant::now();
            let next: (Option<String>, Option<i64>) =
                match self.batch(statement, key.as_deref(), size).await {
                    Ok(next) => next,
                    Err(cause) if is_contention(&cause) => {
                        self.pause(migration, statement, cause, waiting_since, retries)
                            .await?;
                        retries += 1;
                        all_retries += 1;
                        size = (size / 2).max(MIN_BATCH);
                        continue;
                    }
                    Err(cause) => return Err(failure(migration, statement, cause).into()),
                };
            let elapsed = batch_started.elapsed();
            retries = 0;
            rows += next.1.unwrap_or_default();
            key = next.0;
            if key.is_none() {
                break;
            }
            if elapsed > BATCH_TIME * 2 {
                size = (size / 2).max(MIN_BATCH);
            } else if elapsed < BATCH_TIME / 2 {
                size = (size * 2).min(MAX_BATCH);
            }
            if reported.elapsed() > Duration::from_secs(1) {
                reported = Instant::now();
                let line = statement.line;
                (self.progress)(Progress::Batches { line, rows });
            }
            // As long as the batch took, so that others have half of the server.
            sleep(elapsed.min(MAX_PAUSE)).await;
            waiting_since = Instant::now();
        }
        (self.progress)(Progress::Executed {
            line: statement.line,
            summary: format!("{} ({rows} rows in batches)", statement.summary()),
            elapsed: started.elapsed(),
            retries: all_retries,
        });
        Ok(())
    }

    async fn batch(
        &mut self,
        statement: &Statement<'_>,
        key: Option<&str>,
        size: i32,
    ) -> sqlx::Result<(Option<String>, Option<i64>)> {
        let mut tx = self.begin().await?;
        let next = sqlx::query_as(assert_safe(statement.text))
            .bind(key)
            .bind(size)
            .persistent(false)
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(next)
    }

    /// Builds an index without blocking writers. What a killed build left is dropped first.
    async fn build_index(
        &mut self,
        migration: &Migration,
        statement: &Statement<'_>,
        name: &str,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut retries = 0;
        let sent = |cause| failure(migration, statement, cause);
        loop {
            let db = &mut self.connection;
            match index_state(db, name).await.map_err(sent)? {
                IndexState::Valid => {
                    self.executed(statement, started, retries);
                    return Ok(());
                }
                IndexState::Invalid => drop_invalid_index(db, name).await.map_err(sent)?,
                IndexState::Missing => {
                    let built = sqlx::raw_sql(assert_safe(statement.text)).execute(&mut *db);
                    let Err(cause) = built.await else { continue };
                    if matches!(cause, sqlx::Error::Database(_)) {
                        drop_invalid_index(db, name).await.map_err(sent)?;
                    }
                    if !is_contention(&cause) {
                        return Err(sent(cause).into());
                    }
                    self.pause(migration, statement, cause, started, retries)
                        .await?;
                    retries += 1;
                }
            }
        }
    }

    fn executed(&mut self, statement: &Statement<'_>, started: Instant, retries: u32) {
        (self.progress)(Progress::Executed {
            line: statement.line,
            summary: statement.summary(),
            elapsed: started.elapsed(),
            retries,
        });
    }

    /// Begins a transaction with its limits.
    async fn begin(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        let statement = self.deadline.map_or(0, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            left.as_millis().max(1)
        });
        let limits = format!(
            "set local statement_timeout = {statement}; set local lock_timeout = {}; set local jit = off",
            LOCK_TIMEOUT.as_millis()
        );
        let mut tx = self.connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(limits))
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }

    /// Waits before the next attempt, or fails if this has gone on for too long.
    async fn pause(
        &mut self,
        migration: &Migration,
        statement: &Statement<'_>,
        cause: sqlx::Error,
        since: Instant,
        retries: u32,
    ) -> anyhow::Result<()> {
        let is_late = self
            .deadline
            .is_some_and(|deadline| Instant::now() + MAX_PAUSE > deadline);
        if since.elapsed() > PATIENCE || is_late {
            let failure = anyhow::Error::from(failure(migration, statement, cause));
            return Err(failure.context(
                "the lock of a table was not free at any attempt: look for a long transaction in pg_stat_activity, and run \
                 the migrations again",
            ));
        }
        sleep(MAX_PAUSE.min(FIRST_PAUSE * 2_u32.pow(retries.min(6)))).await;
        Ok(())
    }
}

/// Whether the statement may succeed later: it found a lock taken, or it was chosen to end a deadlock.
fn is_contention(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01" | "40001"))
}

fn failure(migration: &Migration, statement: &Statement<'_>, cause: sqlx::Error) -> StatementError {
    StatementError {
        version: migration.version,
        description: migration.description.to_string(),
        statement: statement.text.to_owned(),
        line: statement.line,
        cause,
    }
}

/// The migrations are files of this project.
fn assert_safe(text: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(text.to_owned())
}
