//! Work that keeps a processor busy, on a bounded number of threads of its own.

use std::{
    panic::resume_unwind,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use platform::config::{lambda_concurrency, under_lambda};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{Error, Result};

/// At most one task per processor runs at a time.
static PROCESSORS: LazyLock<BlockingPool> =
    LazyLock::new(|| BlockingPool::new(available_parallelism().map_or(1, Into::into), 64));

/// Runs work that uses a processor for long, such as hashing a password, while other requests are served. An instance
/// that serves one request at a time runs the work directly.
///
/// # Errors
/// 503 if too many tasks are waiting.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    if under_lambda() && lambda_concurrency() == 1 {
        return Ok(work());
    }
    PROCESSORS.run(work).await
}

/// A bounded number of threads for work of one kind, and a bounded queue in front of them.
#[derive(Debug)]
pub struct BlockingPool {
    threads: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
}

impl BlockingPool {
    /// Creates a pool that runs at most `threads` tasks at a time, while at most `max_waiting` wait.
    pub const fn new(threads: usize, max_waiting: usize) -> Self {
        Self {
            threads: Semaphore::const_new(threads),
            waiting: AtomicUsize::new(0),
            max_waiting,
        }
    }

    /// Runs work on one of the threads. If the request ends before the work, the work still keeps its thread until it ends.
    ///
    /// # Errors
    /// 503 if too many tasks are waiting.
    pub async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let waiting = Waiting::start(self)?;
        let thread = self.threads.acquire().await.map_err(anyhow::Error::from)?;
        drop(waiting);
        let work = move || {
            let _thread = thread;
            work()
        };
        match spawn_blocking(work).await {
            Ok(value) => Ok(value),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => Err(Error::Unavailable(error.into())),
            },
        }
    }
}

/// A task that waits for a thread.
struct Waiting(&'static BlockingPool);

impl Waiting {
    fn start(pool: &'static BlockingPool) -> Result<Self> {
        let waiting = pool.waiting.fetch_add(1, Ordering::Relaxed);
        // From here on, the counter is decremented on drop.
        let started = Self(pool);
        if waiting < pool.max_waiting {
            Ok(started)
        } else {
            Err(Error::Unavailable(anyhow::anyhow!(
                "{waiting} tasks wait for a processor"
            )))
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Barrier, RwLock},
        time::Duration,
    };

    use axum::{http::StatusCode, response::IntoResponse};
    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn work_beyond_the_limit_is_rejected_and_the_rest_is_done() {
        static POOL: BlockingPool = BlockingPool::new(2, 7);
        // The work lasts until each call waits for a thread or is rejected.
        let gate = Arc::new(RwLock::new(()));
        let closed = gate.write().unwrap();
        let work = || {
            let gate = gate.clone();
            POOL.run(move || drop(gate.read()))
        };

        let all = join_all((0..2 + 7 + 5).map(|_| work()));
        let (results, ()) = tokio::join!(all, async { drop(closed) });

        let refused = results.into_iter().filter_map(Result::err);
        let refused: Vec<_> = refused.map(IntoResponse::into_response).collect();
        assert_eq!(refused.len(), 5);
        for response in refused {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key("retry-after"));
        }
        assert_eq!(POOL.waiting.load(Ordering::Relaxed), 0);
        assert_eq!(POOL.threads.available_permits(), 2);
    }

    #[tokio::test]
    async fn work_keeps_its_thread_when_its_request_ends() {
        static POOL: BlockingPool = BlockingPool::new(1, 1);
        let end = Arc::new(Barrier::new(2));
        let work = {
            let end = end.clone();
            move || end.wait()
        };
        let limit = Duration::from_millis(20);

        assert!(timeout(limit, POOL.run(work)).await.is_err());
        assert_eq!(POOL.threads.available_permits(), 0);
        assert!(timeout(limit, POOL.run(|| ())).await.is_err());
        assert_eq!(POOL.waiting.load(Ordering::Relaxed), 0);

        end.wait();
        POOL.run(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_releases_the_thread() {
        static POOL: BlockingPool = BlockingPool::new(1, 1);

        let failed = tokio::spawn(POOL.run::<()>(|| panic!("a mistake"))).await;

        assert!(failed.unwrap_err().is_panic());
        assert_eq!(POOL.run(|| 7).await.unwrap(), 7);
    }
}
