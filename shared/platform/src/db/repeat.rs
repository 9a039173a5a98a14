//! Whether a statement that failed may be repeated on another connection.

use super::error::{has_code, is_broken_connection, is_stale_plan, is_timeout};

/// Words of statements that may have an effect, beside those that begin with `pg_advisory` or `pg_try_advisory`.
const EFFECTS: [&str; 10] = [
    "insert",
    "update",
    "delete",
    "merge",
    "truncate",
    "nextval",
    "setval",
    "pg_notify",
    "call",
    "do",
];

/// Returns whether a statement may run again on another connection. `has_output` tells whether it has returned anything
/// before it failed. A server that did not respond is not waited for twice.
pub(super) fn may_repeat(error: &sqlx::Error, sql: &str, has_output: bool) -> bool {
    if is_timeout(error) {
        return false;
    }
    let was_not_run = is_stale_plan(error) || (is_farewell(error) && !has_output);
    was_not_run || (is_broken_connection(error) && is_read(sql))
}

/// Returns whether the error is the server's last message on the connection: it was shut down, or the session was
/// terminated. A statement that was running is rolled back.
fn is_farewell(error: &sqlx::Error) -> bool {
    has_code(error, &["57P01", "57P02", "57P03"])
}

/// Returns whether a statement only reads.
fn is_read(sql: &str) -> bool {
    let mut words = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .peekable();
    let is_query = words
        .peek()
        .is_some_and(|word| matches!(word.as_str(), "select" | "with"));
    is_query
        && words.all(|word| {
            !EFFECTS.contains(&word.as_str())
                && !word.starts_with("pg_advisory")
                && !word.starts_with("pg_try_advisory")
        })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_read_has_no_effect_in_any_part() {
        for read in [
            r#"select id, "updatedAt" from session where token = $1"#,
            "\n  with newest as (select 1) -- to update later\n select * from newest",
        ] {
            assert!(is_read(read), "{read}");
        }
        for write in [
            "insert into likes values ($1)",
            "with gone as (delete from likes returning 1) select count(*) from gone",
            "select id from projects for update",
            "select pg_advisory_xact_lock(1)",
            "select pg_try_advisory_xact_lock(1)",
            "begin",
            "",
        ] {
            assert!(!is_read(write), "{write}");
        }
    }

    #[test]
    fn a_lost_connection_repeats_reads_and_a_timeout_nothing() {
        let lost = sqlx::Error::Io(io::ErrorKind::UnexpectedEof.into());
        assert!(may_repeat(&lost, "select 1", false));
        assert!(!may_repeat(&lost, "delete from likes", false));
        let silent = sqlx::Error::Io(io::ErrorKind::TimedOut.into());
        assert!(!may_repeat(&silent, "select 1", false));
    }
}
