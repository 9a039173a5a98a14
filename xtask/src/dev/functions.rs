//! The functions as emulated Lambda instances, started on demand as Lambda does.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use anyhow::Context as _;
use axum::body::Bytes;
use testkit::emulator::{Failure, Instance};
use tokio::sync::Semaphore;

/// Maximum number of instances of one function. Each holds a connection to the database.
const MAX_INSTANCES: usize = 4;

/// Variables of the functions' environment.
pub type Environment = Arc<Vec<(String, String)>>;

/// One function. Dropping it stops its instances.
pub struct LocalFunction {
    environment: Environment,
    permits: Semaphore,
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    /// Increases whenever the binary is replaced.
    generation: u64,
    /// The binary of this generation, and when it was built.
    binary: Option<(PathBuf, SystemTime)>,
    idle: VecDeque<Instance>,
}

/// The reason why a function returned no response.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    #[error("{0:#}")]
    NotStarted(anyhow::Error),
    #[error("the function has not been built")]
    NotBuilt,
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl LocalFunction {
    /// Creates a function that has not been built yet.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            permits: Semaphore::new(MAX_INSTANCES),
            pool: Mutex::default(),
        }
    }

    /// Replaces the instances by one of this binary, unless they run the same file with the same modification time.
    /// Returns whether they were replaced. An old instance completes the request that it is serving.
    pub async fn reload(&self, binary: &Path) -> anyhow::Result<bool> {
        let built = fs::metadata(binary)
            .and_then(|metadata| metadata.modified())
            .with_context(|| format!("{} was not built", binary.display()))?;
        let version = Some((binary.to_owned(), built));
        let old = {
            let mut pool = self.lock();
            if pool.binary == version {
                return Ok(false);
            }
            pool.binary = version;
            pool.generation += 1;
            std::mem::take(&mut pool.idle)
        };
        drop(old);
        match self.start(binary).await {
            Ok(instance) => self.lock().idle.push_back(instance),
            Err(error) => {
                // The next call tries again.
                self.lock().binary = None;
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Sends the event to an idle instance, or else to a new one.
    pub async fn invoke(&self, event: Bytes) -> Result<Bytes, NoAnswer> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let (generation, binary, idle) = {
            let mut pool = self.lock();
            let binary = pool.binary.as_ref().map(|(binary, _)| binary.clone());
            (pool.generation, binary, pool.idle.pop_front())
        };
        let instance = if let Some(instance) = idle {
            instance
        } else {
            let binary = binary.ok_or(NoAnswer::NotBuilt)?;
            self.start(&binary).await.map_err(NoAnswer::NotStarted)?
        };
        let outcome = instance.invoke_raw(event).await;
        // Lambda discards an instance that ended or took too long.
        if matches!(outcome, Ok(_) | Err(Failure::Function(_))) {
            let mut pool = self.lock();
            if pool.generation == generation {
                pool.idle.push_back(instance);
            }
        }
        Ok(outcome?.0)
    }

    async fn start(&self, binary: &Path) -> anyhow::Result<Instance> {
        let variables: Vec<_> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Instance::start_in_view(binary, &variables).await
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
