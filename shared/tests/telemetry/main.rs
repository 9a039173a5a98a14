//! Telemetry of the real programs: logs, metrics, and the data that Sentry receives. The programs serve plain HTTP, or run
//! in an emulated Lambda that freezes the process between invocations.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod frozen;
mod ingest;
mod log;
mod pace;
mod program;
mod prometheus;
mod rotation;
mod scan;
mod sentry;
mod sentry_outage;
mod serving;
mod spans;

use std::time::Duration;

use shared::http::Api;
use sqlx::PgPool;
use testing::{App, Caller};

/// Time limit for events and lines to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns a user with a session, whose cookie the programs accept.
async fn ada(db: &PgPool) -> Caller {
    let app = App::new(Api::new("people", "People", []), db.clone());
    app.user("ada").await
}
