//! The bucket of `cargo xtask dev`.

use std::fs;

use sqlx::PgConnection;
use testkit::{
    storage::{LocalStorage, program},
    target,
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{seed, variables::Variables};

/// Names of a bucket that the developer has.
const CONFIGURED: [&str; 2] = ["S3_BUCKET", "DO_SPACES_BUCKET"];

/// A bucket that starts while the database does.
pub struct PendingStorage(Option<JoinHandle<anyhow::Result<LocalStorage>>>);

/// The bucket, and what answers for it. A local server stops when this is dropped.
pub struct RunningStorage {
    server: Option<LocalStorage>,
    pub answers: String,
}

impl PendingStorage {
    /// Starts a local server, unless a bucket is configured. With `fresh`, it forgets what it has.
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

    /// Waits for the server and sets the variables of the functions. Without one, uploads are answered with 503.
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
    /// Puts the pictures of the sample projects into a local bucket.
    pub async fn add_samples(&self, db: &mut PgConnection) -> anyhow::Result<()> {
        match &self.server {
            Some(server) => seed::pictures::insert(db, server).await,
            None => Ok(()),
        }
    }
}
