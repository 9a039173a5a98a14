//! A connection in use.

use std::time::Instant;

use futures_util::TryStreamExt;
use sqlx::{Executor, PgConnection, SqlStr, raw_sql};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, time::timeout};

use super::{
    error::is_broken_connection,
    pool::{Pool, TEST_TIMEOUT, Taken, responds},
    statement::{Statement, StatementOutput},
};

/// A connection in use. Dropping it returns it to its pool.
pub(super) struct Lease {
    pool: Pool,
    /// `None` once it is known to be broken, and while the lease is dropped.
    connection: Option<PgConnection>,
    opened_at: Instant,
    slot: Option<OwnedSemaphorePermit>,
    /// A command was sent, and its response has not ended.
    busy: bool,
    /// The last statement has returned output before it ended or failed.
    pub has_output: bool,
    /// A transaction has begun and has not ended.
    pub in_transaction: bool,
}

impl Lease {
    /// Takes a connection from the pool.
    pub async fn acquire(pool: &Pool) -> sqlx::Result<Self> {
        let Taken {
            connection,
            opened_at,
            slot,
        } = pool.take().await?;
        Ok(Self {
            pool: pool.clone(),
            connection: Some(connection),
            opened_at,
            slot: Some(slot),
            busy: false,
            has_output: false,
            in_transaction: false,
        })
    }

    /// Runs a statement.
    pub async fn run(&mut self, statement: Statement) -> sqlx::Result<StatementOutput> {
        self.busy = true;
        self.has_output = false;
        let (connection, has_output) = (connection(&mut self.connection)?, &mut self.has_output);
        let work = async {
            let mut output = StatementOutput::new();
            let mut rows = connection.fetch_many(statement);
            while let Some(row) = rows.try_next().await? {
                *has_output = true;
                output.push(row);
            }
            Ok(output)
        };
        let result = self.pool.supervise(work).await;
        self.settle(result)
    }

    /// Runs a command that returns nothing.
    pub async fn command(&mut self, sql: SqlStr) -> sqlx::Result<()> {
        self.busy = true;
        let work = raw_sql(sql).execute(connection(&mut self.connection)?);
        let result = self.pool.supervise(work).await;
        self.settle(result).map(|_| ())
    }

    /// Returns the connection, for work other than statements.
    pub fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        connection(&mut self.connection)
    }

    /// Closes the connection without waiting for its response.
    pub fn abandon(&mut self) {
        self.connection = None;
    }

    fn settle<T>(&mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        self.busy = false;
        if let Err(error) = &result
            && is_broken_connection(error)
        {
            self.connection = None;
        }
        result
    }
}

fn connection(connection: &mut Option<PgConnection>) -> sqlx::Result<&mut PgConnection> {
    connection.as_mut().ok_or_else(|| {
        sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::NotConnected,
            "the connection was lost",
        ))
    })
}

impl Drop for Lease {
    /// Returns the connection to its pool. If a response has not ended or a transaction is open, first ends them within a
    /// timeout. Without the timeout, a silently dead server would block the only connection of a pool, and so every later
    /// request.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let (pool, opened_at) = (self.pool.clone(), self.opened_at);
        if !self.busy && !self.in_transaction {
            pool.release(connection, opened_at);
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (in_transaction, slot) = (self.in_transaction, self.slot.take());
        runtime.spawn(async move {
            let in_order = async {
                if in_transaction {
                    let rollback = raw_sql("rollback").execute(&mut connection);
                    rollback.await.is_ok()
                } else {
                    responds(&mut connection).await
                }
            };
            if matches!(timeout(TEST_TIMEOUT, in_order).await, Ok(true)) {
                pool.release(connection, opened_at);
            }
            drop(slot);
        });
    }
}
