//! Telemetry of the real programs: logs, metrics and what a local Sentry receives, over plain HTTP and in an emulated Lambda
//! that freezes the process between invocations.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod frozen;
mod ingest;
mod log;
mod pace;
mod program;
mod prometheus;
mod scan;
mod sentry;
mod spans;

use std::time::Duration;

use shared::http::{Api, Routes};
use sqlx::PgPool;
use testing::{App, Caller};
use url::Url;

/// How long something may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a program finds the test's database.
fn url_of(db: &PgPool) -> String {
    let mut url = Url::parse(&std::env::var("DATABASE_URL").unwrap()).unwrap();
    url.set_path(db.connect_options().get_database().unwrap());
    url.into()
}

/// Somebody with a session, whose cookie the programs take.
async fn ada(db: &PgPool) -> Caller {
    let app = App::new(Api::new("people", Routes::new()), db.clone());
    app.user("ada").await
}
