//! Statements that tests execute.

use std::time::{Duration, Instant};

use shared::db::LostRace;
use sqlx::PgPool;
use tokio::time::sleep;

/// Time limit until the server is in an expected state.
const PATIENCE: Duration = Duration::from_secs(30);

/// Executes a statement with text parameters.
pub async fn sql(db: &PgPool, statement: &'static str, arguments: &[&str]) {
    loop {
        let mut query = sqlx::query(statement);
        for argument in arguments {
            query = query.bind(*argument);
        }
        match query.execute(db).await {
            Ok(_) => return,
            // PostgreSQL chose this statement as the victim of a deadlock.
            Err(error) if error.lost_race() => {}
            Err(error) => panic!("{statement}: {error}"),
        }
    }
}

/// Returns the number that a statement selects.
pub async fn number(db: &PgPool, statement: &'static str, arguments: &[&str]) -> i64 {
    let mut query = sqlx::query_scalar(statement);
    for argument in arguments {
        query = query.bind(*argument);
    }
    query.fetch_one(db).await.expect("a number is selected")
}

/// Each way to hide a user.
pub const HIDDEN: [&str; 3] = [
    r#"update "user" set "isActive" = false where id = $1"#,
    r#"update "user" set banned = true where id = $1"#,
    r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' + interval '1 hour' where id = $1"#,
];

/// Reverses the statements of [`HIDDEN`], in the same order. The last one lets the ban expire.
pub const SHOWN: [&str; 3] = [
    r#"update "user" set "isActive" = true where id = $1"#,
    r#"update "user" set banned = false where id = $1"#,
    r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' - interval '1 second' where id = $1"#,
];

/// Waits until the number that a statement selects is as expected.
pub async fn until(
    db: &PgPool,
    statement: &'static str,
    arguments: &[&str],
    is_expected: impl Fn(i64) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = number(db, statement, arguments).await;
        if is_expected(found) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the number is still {found}: {statement} {arguments:?}"
        );
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `count` statements in the database wait for a lock.
pub async fn blocked(db: &PgPool, count: i64) {
    until(db, BLOCKED, &[], |found| found >= count).await;
}

/// Waits until a statement that matches the pattern runs in the database.
pub async fn running(db: &PgPool, pattern: &str) {
    until(db, RUNNING, &[pattern], |found| found > 0).await;
}

/// Waits until no statement that matches the pattern runs in the database.
pub async fn ended(db: &PgPool, pattern: &str) {
    until(db, RUNNING, &[pattern], |found| found == 0).await;
}

const RUNNING: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and state = 'active' and pid <> pg_backend_pid() and query like $1
";

const BLOCKED: &str = "
    select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
";
