//! The health function over HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod docs;
mod health;
mod metrics;
mod sentry;
mod servers;
mod stats;
mod strings;

use std::time::Duration;

use ::health::HealthState;
use sqlx::{PgPool, postgres::PgPoolOptions};
use testing::App;

/// Returns the group with this database.
fn app(db: PgPool, variables: &[(&str, &str)]) -> App {
    App::with_state(::health::api(), db, variables, HealthState::new)
}

/// Returns the group with a database that cannot be reached: nothing listens on port 1.
fn app_without_database(variables: &[(&str, &str)]) -> App {
    let db = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy("postgres://nobody@127.0.0.1:1/none")
        .unwrap();
    app(db, variables)
}
