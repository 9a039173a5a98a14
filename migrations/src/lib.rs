//! Applies the migrations and removes expired rows, for `cargo xtask` and for the migrate function.

mod history;
mod index;
mod lint;
mod lock;
mod plan;
mod progress;
pub mod retention;
mod rewritten;
mod run;
mod script;

use sqlx::migrate::Migrator;

pub use lint::{LockingStatement, locking_statements};
pub use plan::{Plan, plan};
pub use progress::Progress;
pub use rewritten::keep_recorded_checksums;
pub use run::{Options, Outcome, StatementError, run};
pub use script::{Kind, Statement, statements};

/// Returns the project's migrations. They only add, so an older program works on a newer schema, for example after a
/// rollback.
pub fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../migrations");
    migrator.set_ignore_missing(true);
    keep_recorded_checksums(&mut migrator);
    migrator
}
