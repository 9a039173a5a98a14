//! PostgreSQL's statistics of tables: what statements read.
//!
//! <https://www.postgresql.org/docs/current/monitoring-stats.html>

use shared::db::Db;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::until;

/// Closes the pool. Returns one for an application with a single connection, whose statistics can be flushed. A server process
/// adds its statistics to those of the tables up to ten seconds later, or when it ends. The function waits until the processes of
/// the closed connections have ended, so that the statistics change by statements of the application only.
pub async fn with_one_connection(db: &PgPool) -> PgPool {
    db.close().await;
    let options = db.connect_options().as_ref().clone();
    let alone = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .expect("the database accepts a connection");
    until(&alone, OTHERS, &[], |others| others == 0).await;
    alone
}

const OTHERS: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
";

/// Returns the number of sequential scans of each of the tables so far.
pub async fn scans(db: &Db, tables: &[&str]) -> Vec<(String, i64)> {
    flush(db).await;
    sqlx::query_as(
        "select relname::text, seq_scan from pg_stat_user_tables where relname = any ($1) order by 1",
    )
    .bind(tables)
    .fetch_all(db)
    .await
    .expect("the statistics are read")
}

/// Returns the number of rows of a table that scans of the table or of its indexes have read so far.
pub async fn rows_read(db: &Db, table: &str) -> i64 {
    flush(db).await;
    sqlx::query_scalar(
        "select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = $1",
    )
    .bind(table)
    .fetch_one(db)
    .await
    .expect("the statistics are read")
}

/// Returns the number of blocks of the tables and of their indexes that have been read so far.
pub async fn blocks_read(db: &Db, tables: &[&str]) -> i64 {
    flush(db).await;
    sqlx::query_scalar(
        "select sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit)::bigint
         from pg_statio_user_tables
         where relname = any ($1)",
    )
    .bind(tables)
    .fetch_one(db)
    .await
    .expect("the statistics are read")
}

/// Makes the server process of the connection add its statistics to those of the tables.
async fn flush(db: &Db) {
    for statement in [
        "select pg_stat_force_next_flush()",
        "select pg_stat_clear_snapshot()",
    ] {
        sqlx::query(statement)
            .execute(db)
            .await
            .expect("the statistics are flushed");
    }
}
