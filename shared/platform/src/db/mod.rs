//! The connections of one instance to PostgreSQL. They survive freezes of the instance, failovers, rotated passwords and
//! transaction-mode poolers.

mod authorities;
mod brief;
mod connect;
mod database;
mod error;
mod lease;
mod pool;
mod repeat;
mod replicas;
mod secret;
mod statement;
mod timer;
mod transaction;

pub use self::{
    brief::briefly,
    connect::{PLANNER_SETTINGS, connect_options},
    database::Db,
    error::{LostRace, is_outage},
    replicas::anonymously,
    transaction::Tx,
};
pub use crate::telemetry::measured;

/// The viewer's id in a statement if the viewer is anonymous. No user has this id. It is not null, because PostgreSQL does
/// not cache a generic plan when the plan for null alone is much cheaper.
pub const NOBODY: &str = "";
