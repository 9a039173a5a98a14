//! The bucket of `cargo xtask dev`.

use std::fs;

use sqlx::PgConnection;
use testkit::{
    storage::{LocalStorage, program},
    target,
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{seed, variables::Variables};

/// Names of buckets that the developer may have configured.
const CONFIGURED: [&str; 2] = ["S3_BUCKET", "DO_SPACES_BUCKET"];

/// A bucket whose server starts at the same time as the database.
pub struct PendingStorage(Option<JoinHandle<anyhow::Result<LocalStorage>>>);

/// The bucket, and the name of its server. A local server stops when this is dropped.
pub struct RunningStorage {
    server: Option<LocalStorage>,
    pub answers: String,
}

impl PendingStorage {
    /// Starts a local server, unless a bucket is configured. With `fresh`, its files are removed first.
    pub fn start(variables: &Variables, fresh: bool) -> Self {
        if CONFIGURED.iter().any(|name| variables.get(name).is_some()) {
            return Self(None);
        }
        Self(Some(spawn_blocking(move || {
            let folder = target().join("storage");
            if fresh && folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            LocalStorage::start(&program()?, &folder, false)
        })))
    }

    /// Waits for the server and sets the variables of the functions. If there is no server, uploads get a 503.
    pub async fn finish(self, variables: &mut Variables) -> anyhow::Result<RunningStorage> {
        let Some(starting) = self.0 else {
            return Ok(RunningStorage {
                server: None,
                answers: "the configured bucket".to_owned(),
            });
        };
        match starting.await? {
            Ok(server) => {
                for (name, value) in server.variables() {
                    variables.set(name, value);
                }
                Ok(RunningStorage {
                    answers: format!("a local bucket at {}", server.endpoint()),
                    server: Some(server),
                })
            }
            Err(error) => Ok(RunningStorage {
                server: None,
                answers: format!("off, since no local storage starts: {error:#}"),
            }),
        }
    }
}

impl RunningStorage {
    /// Stores the pictures of the sample projects in a local bucket.
    pub async fn add_samples(&self, db: &mut PgConnection) -> anyhow::Result<()> {
        match &self.server {
            Some(server) => seed::pictures::insert(db, server).await,
            None => Ok(()),
        }
    }
}
