//! Deployments: the template, and the real binaries with its configuration over an emulated AWS.

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
mod settings;
mod smoke;
mod stack;
mod template;
mod tls;

use std::{collections::HashMap, path::PathBuf};

use sqlx::{ConnectOptions as _, PgPool};
use testkit::emulator::Instance;
use tokio::sync::OnceCell;
use xtask::{bundle, sam::deployment::Deployment};

/// Returns a deployment with the database and with unoptimised binaries.
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

/// Returns the reason why the function does not start, from its log.
fn reason(started: anyhow::Result<Instance>) -> String {
    let Err(error) = started else {
        panic!("it started")
    };
    let error = error.to_string();
    let line = error.lines().find(|line| line.starts_with("Error: "));
    line.unwrap_or_else(|| panic!("no reason in {error}"))
        .to_owned()
}
