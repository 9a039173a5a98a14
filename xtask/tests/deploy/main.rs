//! What a deployment would be: the template's words, and the real binaries configured by them over a played AWS.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod edge;
mod events;
mod hostile;
mod migrate;
mod operations;
mod pipeline;
mod roles;
mod rotation;
mod secrets;
mod server;
mod smoke;
mod stack;
mod template;
mod tls;

use std::{collections::HashMap, path::PathBuf};

use sqlx::{ConnectOptions as _, PgPool};
use testkit::emulator::Instance;
use tokio::sync::OnceCell;
use xtask::{bundle, sam::deployment::Deployment};

/// A deployment over the database, of binaries without optimisation.
async fn deployment(database: &str) -> Deployment {
    let binaries = binaries().await;
    Deployment::new(binaries, database).await.unwrap()
}

async fn binaries() -> HashMap<String, PathBuf> {
    static BINARIES: OnceCell<HashMap<String, PathBuf>> = OnceCell::const_new();
    let binaries = BINARIES.get_or_init(|| async { bundle::build().await.unwrap() });
    binaries.await.clone()
}

fn address(db: &PgPool) -> String {
    db.connect_options().to_url_lossy().into()
}

/// Why the function does not start, as its log has it.
fn reason(started: anyhow::Result<Instance>) -> String {
    let Err(error) = started else {
        panic!("it started")
    };
    let error = error.to_string();
    let line = error.lines().find(|line| line.starts_with("Error: "));
    line.unwrap_or_else(|| panic!("no reason in {error}"))
        .to_owned()
}
