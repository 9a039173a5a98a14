//! Telemetry of the real programs: logs, metrics and what a local Sentry receives, over plain HTTP and in an emulated Lambda
//! that freezes the process between invocations.

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
mod serving;
mod spans;
mod weather;

use std::time::Duration;

use shared::http::Api;
use sqlx::PgPool;
use testing::{App, Caller};

/// How long something may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody with a session, whose cookie the programs take.
async fn ada(db: &PgPool) -> Caller {
    let app = App::new(Api::new("people", "People", []), db.clone());
    app.user("ada").await
}
