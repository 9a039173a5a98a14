//! Describes what a run would do.

use std::fmt;

use sqlx::{Connection as _, PgConnection, migrate::Migrator};

use crate::{
    history::{applied, missing},
    index::{IndexState, index_state},
    lint::lock,
    script::{Kind, Statement, statements},
};

/// The statements that a run would execute. Its text is a list for a person.
#[derive(Debug, Default)]
pub struct Plan {
    migrations: Vec<PlannedMigration>,
}

#[derive(Debug)]
struct PlannedMigration {
    name: String,
    is_transaction: bool,
    statements: Vec<PlannedStatement>,
}

#[derive(Debug)]
struct PlannedStatement {
    line: usize,
    summary: String,
    lock: String,
}

impl Plan {
    /// Whether the database has all migrations.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }
}

/// Finds what a run would execute. Changes nothing.
pub async fn plan(db: &mut PgConnection, migrator: &Migrator) -> anyhow::Result<Plan> {
    let mut tx = db.begin().await?;
    sqlx::raw_sql("set transaction read only; set local lock_timeout = '100ms'")
        .execute(&mut *tx)
        .await?;
    let before = applied(&mut tx).await?;
    let mut plan = Plan::default();
    for migration in missing(migrator, &before)? {
        let mut planned = PlannedMigration {
            name: format!("{} {}", migration.version, migration.description),
            is_transaction: !migration.no_tx,
            statements: Vec::new(),
        };
        for statement in statements(migration.sql.as_str()) {
            planned
                .statements
                .push(plan_statement(&mut tx, &statement).await?);
        }
        plan.migrations.push(planned);
    }
    tx.rollback().await?;
    Ok(plan)
}

async fn plan_statement(
    db: &mut PgConnection,
    statement: &Statement<'_>,
) -> sqlx::Result<PlannedStatement> {
    let taken = lock(statement);
    let table = match &taken.table {
        Some(table) => rows_of(db, table).await?.map(|rows| (table, rows)),
        None => None,
    };
    let is_built = match statement.concurrent_index() {
        Some(name) => index_state(db, &name).await? == IndexState::Valid,
        None => false,
    };
    let described = match (taken.mode, table) {
        _ if is_built => "not sent, because the index exists".to_owned(),
        _ if statement.kind == Kind::Generates => {
            "sends the statements that this query returns, if any".to_owned()
        }
        _ if statement.text.starts_with("do ") => "a block, which takes what it needs".to_owned(),
        (Some(mode), Some((table, rows))) => format!("{mode} on {table} ({rows} rows)"),
        (None, Some((table, rows))) => format!("rows of {table} ({rows} rows)"),
        (_, None) => "no lock on a table with rows".to_owned(),
    };
    let batches = if statement.kind == Kind::Batches {
        ", in batches"
    } else {
        ""
    };
    Ok(PlannedStatement {
        line: statement.line,
        summary: statement.summary(),
        lock: described + batches,
    })
}

/// About how many rows a table has, if it exists.
async fn rows_of(db: &mut PgConnection, table: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "select case
             when reltuples >= 0 then reltuples::bigint
             else pg_relation_size(oid) / 100
         end
         from pg_class
         where oid = to_regclass(quote_ident($1))",
    )
    .bind(table)
    .persistent(false)
    .fetch_optional(db)
    .await
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("the database has all migrations");
        }
        for (index, migration) in self.migrations.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let kind = if migration.is_transaction {
                "one transaction"
            } else {
                "each statement on its own"
            };
            write!(f, "{} ({kind})", migration.name)?;
            for statement in &migration.statements {
                write!(
                    f,
                    "\n  line {}: {}\n      {}",
                    statement.line, statement.summary, statement.lock
                )?;
            }
        }
        Ok(())
    }
}
