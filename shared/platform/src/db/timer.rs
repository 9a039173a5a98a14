//! Measures round trips to the database.

use std::time::Instant;

use sqlx::SqlStr;

use crate::telemetry::{Span, record_statement, statement_span};

/// Measures one round trip from its start until it is dropped.
pub(super) struct StatementTimer {
    sql: SqlStr,
    started: Instant,
    _span: Option<Span>,
}

impl StatementTimer {
    pub fn start(sql: &SqlStr) -> Self {
        Self {
            _span: statement_span(sql.as_str()),
            sql: sql.clone(),
            started: Instant::now(),
        }
    }
}

impl Drop for StatementTimer {
    fn drop(&mut self) {
        record_statement(self.sql.as_str(), self.started.elapsed());
    }
}
