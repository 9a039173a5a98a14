//! Kinds of database errors.

use std::io;

use sqlx::postgres::PgDatabaseError;

/// Returns whether the database could not be reached or did not respond in time, as opposed to rejecting a statement.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(cause) => {
            is_stale_plan(error)
                || cause.code().is_some_and(|code| {
                    // Connection exceptions, rejected credentials, insufficient resources, operator intervention (which
                    // includes the statement timeout), the lock timeout, unknown database, and a standby after a failover.
                    code.starts_with("08")
                        || code.starts_with("28")
                        || code.starts_with("53")
                        || code.starts_with("57")
                        || code == "55P03"
                        || code == "3D000"
                        || code == "25006"
                })
        }
        _ => false,
    }
}

/// Returns whether the error means that the connection is broken, and not only that the statement failed.
pub(super) fn is_broken_connection(error: &sqlx::Error) -> bool {
    // The statement timeout, the lock timeout, a full disk, and too little memory.
    let only_statement = has_code(error, &["57014", "55P03", "53100", "53200"]);
    is_outage(error) && !only_statement
}

/// Returns whether the server was not reached, as opposed to rejecting the connection.
pub(super) fn is_unreachable(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)
    )
}

/// Returns whether the server will accept a connection in a moment: it is starting, or has no free connection.
pub(super) fn is_not_ready(error: &sqlx::Error) -> bool {
    has_code(error, &["57P03", "53300"])
}

/// Returns whether the server did not respond in time.
pub(super) fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Returns whether a prepared statement of this connection is no longer usable: another client has changed the type of a
/// column, or the statement is gone. It was not run, and a new connection prepares it again.
pub(super) fn is_stale_plan(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(cause) = error else {
        return false;
    };
    let changed = cause
        .try_downcast_ref::<PgDatabaseError>()
        .is_some_and(|cause| cause.routine() == Some("RevalidateCachedQuery"));
    changed || has_code(error, &["26000"])
}

/// Returns whether the server rejected a setting of the connection: it does not have it, or not this value.
pub(super) fn is_unknown_setting(error: &sqlx::Error) -> bool {
    has_code(error, &["22023", "42704"])
}

/// Returns whether the server rejected the password.
pub(super) fn is_rejected_password(error: &sqlx::Error) -> bool {
    has_code(error, &["28P01", "28000"])
}

/// Returns whether the error has one of these SQLSTATE codes.
pub(super) fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| codes.contains(&code.as_ref())))
}

/// An error that a concurrent transaction may have caused.
pub trait LostRace {
    /// Returns whether the same work may succeed when it is retried: after a serialization failure or a deadlock, and after
    /// another client has changed a table under a prepared statement.
    fn lost_race(&self) -> bool;
}

impl LostRace for sqlx::Error {
    fn lost_race(&self) -> bool {
        has_code(self, &["40001", "40P01"]) || is_stale_plan(self)
    }
}
