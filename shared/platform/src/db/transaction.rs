//! Transactions.

use std::fmt;

use futures_util::future::BoxFuture;
use sqlx::{
    Execute, Executor, Postgres, SqlStr,
    postgres::{PgRow, PgStatement, PgTypeInfo},
};

use super::{
    lease::Lease,
    statement::{OutputStream, Statement, StatementOutput, first_row, stream_output},
    timer::StatementTimer,
};

/// A transaction. `&mut tx` runs statements.
pub struct Tx {
    connection: Lease,
    unnamed: bool,
}

impl Tx {
    /// Runs the statement `begin` on a connection. `unnamed` as in [`Statement`].
    pub(super) async fn begin(
        mut connection: Lease,
        begin: SqlStr,
        unnamed: bool,
    ) -> sqlx::Result<Self> {
        connection.in_transaction = true;
        connection.command(begin).await?;
        Ok(Self {
            connection,
            unnamed,
        })
    }

    /// Makes the work durable and visible.
    pub async fn commit(self) -> sqlx::Result<()> {
        let _timer = StatementTimer::start(&SqlStr::from_static("commit"));
        self.end("commit").await
    }

    /// Discards the work. Dropping the transaction does the same in the background.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.end("rollback").await
    }

    async fn end(mut self, command: &'static str) -> sqlx::Result<()> {
        let command = SqlStr::from_static(command);
        self.connection.command(command).await?;
        self.connection.in_transaction = false;
        Ok(())
    }

    async fn run(&mut self, statement: Statement) -> sqlx::Result<StatementOutput> {
        let _timer = StatementTimer::start(&statement.sql);
        self.connection.run(statement).await
    }
}

impl<'c> Executor<'c> for &'c mut Tx {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> OutputStream<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::new(query, self.unnamed);
        stream_output(async move { self.run(statement?).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::new(query, self.unnamed);
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
            let connection = self.connection.connection()?;
            connection.prepare_with(sql, parameters).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.connection.connection()?.describe(sql).await })
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}
