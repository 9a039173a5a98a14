//! A query split into its parts, and its output.

use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use sqlx::{
    Either, Execute, Postgres, SqlStr,
    postgres::{PgArguments, PgQueryResult, PgRow, PgStatement},
};

/// The rows of a statement, and the number of rows that it affected.
pub(super) type StatementOutput = Vec<Either<PgQueryResult, PgRow>>;
pub(super) type OutputStream<'e> = BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>;

/// A query split into its parts. So its text can be measured and logged, the kind of preparation can be chosen, and it can
/// run on another server again.
#[derive(Clone)]
pub(super) struct Statement {
    pub sql: SqlStr,
    /// Leaves no named statement on the server. Behind a transaction-mode pooler, the next transaction may use another
    /// server connection.
    pub unnamed: bool,
    arguments: Option<PgArguments>,
    persistent: bool,
}

impl Statement {
    pub fn new<'q, E: Execute<'q, Postgres>>(mut query: E, unnamed: bool) -> sqlx::Result<Self> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = query.persistent() && !unnamed;
        Ok(Self {
            sql: query.sql(),
            unnamed,
            arguments,
            persistent,
        })
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

/// Returns the output of a statement as the stream that [`Executor::fetch_many`] returns.
pub(super) fn stream_output<'e>(
    output: impl Future<Output = sqlx::Result<StatementOutput>> + Send + 'e,
) -> OutputStream<'e> {
    let output = async { Ok::<_, sqlx::Error>(stream::iter(output.await?.into_iter().map(Ok))) };
    stream::once(output).try_flatten().boxed()
}

/// Returns the first row of a statement's output.
pub(super) fn first_row(output: StatementOutput) -> Option<PgRow> {
    output.into_iter().find_map(Either::right)
}
