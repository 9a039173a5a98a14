//! Removes expired rows. Requests only ignore them.

use std::{
    fmt,
    time::{Duration, Instant},
};

use sqlx::PgConnection;

/// Maximum number of rows that one statement removes, so that it holds its locks only briefly.
const BATCH: i64 = 1000;

/// Kinds of rows that expire, and the statements that remove a batch. Locked rows are skipped, so that the job and requests do
/// not wait for each other.
const RULES: [(&str, &str); 8] = [
    (
        "sessions",
        r#"delete from session where ctid = any (array(
            select ctid from session where "expiresAt" < now() at time zone 'utc'
            limit $1 for update skip locked))"#,
    ),
    (
        "API keys",
        r#"delete from apikey where ctid = any (array(
            select ctid from apikey where "expiresAt" < now() at time zone 'utc'
            limit $1 for update skip locked))"#,
    ),
    (
        "verifications",
        r#"delete from verification where ctid = any (array(
            select ctid from verification where "expiresAt" < now() at time zone 'utc'
            limit $1 for update skip locked))"#,
    ),
    // The keys contain addresses and ids of users.
    (
        "quota counters",
        r#"delete from quota where ctid = any (array(
            select ctid from quota where "resetAt" <= now() at time zone 'utc'
            limit $1 for update skip locked))"#,
    ),
    // The longest window is one minute.
    (
        "rate-limit counters",
        r#"delete from "rateLimit" where ctid = any (array(
            select ctid from "rateLimit" where "lastRequest" < (extract(epoch from now()) * 1000)::bigint - 600000
            limit $1 for update skip locked))"#,
    ),
    (
        "idempotency records",
        r#"delete from "idempotencyKey" where ctid = any (array(
            select ctid from "idempotencyKey" where "createdAt" <= now() at time zone 'utc' - interval '24 hours'
            limit $1 for update skip locked))"#,
    ),
    (
        "views of past days",
        r#"delete from "projectView" where ctid = any (array(
            select ctid from "projectView" where day < (now() at time zone 'utc')::date
            limit $1 for update skip locked))"#,
    ),
    // With the salt of a day, the addresses of its viewers could be found by trial.
    (
        "salts of past days",
        r#"delete from "viewSalt" where ctid = any (array(
            select ctid from "viewSalt" where day < (now() at time zone 'utc')::date
            limit $1 for update skip locked))"#,
    ),
];

/// The tables that the job cleans.
pub fn tables() -> impl Iterator<Item = &'static str> {
    RULES.iter().filter_map(|(_, statement)| {
        let name = statement.strip_prefix("delete from ")?.split(' ').next()?;
        Some(name.trim_matches('"'))
    })
}

/// The numbers of removed rows.
#[derive(Debug, PartialEq, Eq)]
pub struct RemovedRows {
    /// The number of removed rows of each kind.
    pub counts: Vec<(&'static str, u64)>,
    /// Whether expired rows are left at the time limit. The next run continues.
    pub unfinished: bool,
}

impl fmt::Display for RemovedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("removed ")?;
        for (index, (kind, count)) in self.counts.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{count} {kind}")?;
        }
        if self.unfinished {
            f.write_str("; more is left for the next run")?;
        }
        Ok(())
    }
}

/// Removes expired rows until none are left or `limit` has passed. Each batch is a transaction of its own.
pub async fn sweep(connection: &mut PgConnection, limit: Duration) -> sqlx::Result<RemovedRows> {
    let started = Instant::now();
    let mut removed = RemovedRows {
        counts: Vec::new(),
        unfinished: false,
    };
    for (kind, statement) in RULES {
        let mut count = 0;
        loop {
            if started.elapsed() >= limit {
                removed.unfinished = true;
                break;
            }
            // The statement is unnamed, because behind a pooler the next one may use another server connection.
            let query = sqlx::query(statement).bind(BATCH).persistent(false);
            let batch = query.execute(&mut *connection).await?.rows_affected();
            count += batch;
            if batch < BATCH.unsigned_abs() {
                break;
            }
        }
        removed.counts.push((kind, count));
    }
    removed.unfinished |= !move_window_clock(connection, started, limit).await?;
    if started.elapsed() < limit {
        fold_visible_totals(connection).await?;
    }
    removed.unfinished |= !finish_account_work(connection, started, limit).await?;
    Ok(removed)
}

/// Updates the maintained counts for likes, comments and projects that have left the windows, one hour of them in each
/// transaction. Returns whether none are left.
async fn move_window_clock(
    connection: &mut PgConnection,
    started: Instant,
    limit: Duration,
) -> sqlx::Result<bool> {
    while started.elapsed() < limit {
        let query = sqlx::query_scalar("select move_window_clock(interval '1 hour')");
        let more: bool = query.persistent(false).fetch_one(&mut *connection).await?;
        if !more {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Replaces the rows that triggers have added to the totals by their sum. Some may be left for the next run.
async fn fold_visible_totals(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select fold_visible_totals(100000)")
        .persistent(false)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Deletes the rows of closed accounts, and recounts after bans. Each step is a transaction of its own. Returns whether
/// nothing is left.
async fn finish_account_work(
    connection: &mut PgConnection,
    started: Instant,
    limit: Duration,
) -> sqlx::Result<bool> {
    while started.elapsed() < limit {
        let query = sqlx::query_scalar("select continue_account_work($1::bigint::integer)");
        let query = query.bind(BATCH).persistent(false);
        let more: bool = query.fetch_one(&mut *connection).await?;
        if !more {
            return Ok(true);
        }
    }
    Ok(false)
}
