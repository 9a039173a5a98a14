//! Transactions.

use std::fmt;

use futures_util::future::BoxFuture;
use sqlx::{
    Execute, Executor, PgConnection, Postgres, SqlStr,
    postgres::{PgRow, PgStatement, PgTypeInfo},
    raw_sql,
};

use super::{
    server::{Lease, Server},
    statement::{OutputStream, Statement, StatementOutput, first_row, stream_output},
    timer::StatementTimer,
};

/// A transaction. `&mut tx` runs statements.
pub struct Tx {
    connection: Lease,
    server: Server,
    unnamed: bool,
}

impl Tx {
    /// Runs the statement `begin` on a connection of the server. `unnamed` as in [`Statement`].
    pub(super) async fn begin(
        server: &Server,
        mut connection: Lease,
        begin: SqlStr,
        unnamed: bool,
    ) -> sqlx::Result<Self> {
        connection.in_transaction = true;
        let begun = raw_sql(begin).execute(&mut *connection);
        server.run(begun).await?;
        Ok(Self {
            connection,
            server: server.clone(),
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
        let ended = raw_sql(command).execute(&mut *self.connection);
        self.server.run(ended).await?;
        self.connection.in_transaction = false;
        Ok(())
    }

    async fn run(&mut self, statement: Statement) -> sqlx::Result<StatementOutput> {
        let _timer = StatementTimer::start(&statement.sql);
        let output = statement.run(&mut self.connection);
        self.server.run(output).await
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

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}
