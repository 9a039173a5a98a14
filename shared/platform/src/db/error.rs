//! Kinds of database errors.

/// Returns whether the database could not be reached or did not respond in time, as opposed to rejecting a statement.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection exceptions, rejected credentials, insufficient resources, operator intervention (which includes
            // the statement timeout), unknown database, and a standby after a failover.
            code.starts_with("08")
                || code.starts_with("28")
                || code.starts_with("53")
                || code.starts_with("57")
                || code == "3D000"
                || code == "25006"
        }),
        _ => false,
    }
}

/// Returns whether the error means that the connection is broken, and not only that the statement failed.
pub(super) fn is_broken_connection(error: &sqlx::Error) -> bool {
    let over_time =
        matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("57014"));
    is_outage(error) && !over_time
}

/// Returns whether the server rejected the password.
pub(super) fn is_rejected_password(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if matches!(error.code().as_deref(), Some("28P01" | "28000")))
}

/// An error that a concurrent transaction may have caused.
pub trait LostRace {
    /// Returns whether the same work may succeed when it is retried: after a serialization failure or a deadlock.
    fn lost_race(&self) -> bool;
}

impl LostRace for sqlx::Error {
    fn lost_race(&self) -> bool {
        matches!(self, Self::Database(error) if matches!(error.code().as_deref(), Some("40001" | "40P01")))
    }
}
