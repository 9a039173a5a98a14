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

/// Maximum number of tasks that wait for a thread.
const MAX_WAITING: usize = 64;

/// At most one task per processor runs at a time.
static THREADS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, Into::into)));
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Runs work that uses a processor for long, such as hashing a password, while other requests are served. An instance
/// that serves one request at a time runs the work directly.
///
/// # Errors
/// 503 if too many tasks are waiting.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    if under_lambda() && lambda_concurrency() == 1 {
        return Ok(work());
    }
    let waiting = Waiting::start()?;
    let thread = THREADS.acquire().await.map_err(anyhow::Error::from)?;
    drop(waiting);
    let done = spawn_blocking(work).await;
    drop(thread);
    match done {
        Ok(value) => Ok(value),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(Error::Unavailable(error.into())),
        },
    }
}

/// A task that waits for a thread.
struct Waiting;

impl Waiting {
    fn start() -> Result<Self> {
        let waiting = WAITING.fetch_add(1, Ordering::Relaxed);
        // From here on, the counter is decremented on drop.
        let started = Self;
        if waiting < MAX_WAITING {
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
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{http::StatusCode, response::IntoResponse};
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn work_beyond_the_limit_is_rejected_and_the_rest_is_done() {
        let threads = THREADS.available_permits();
        let work = || std::thread::sleep(Duration::from_millis(20));

        let results = join_all((0..threads + MAX_WAITING + 5).map(|_| blocking(work))).await;

        let refused = results.into_iter().filter_map(Result::err);
        let refused: Vec<_> = refused.map(IntoResponse::into_response).collect();
        assert_eq!(refused.len(), 5);
        for response in refused {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key("retry-after"));
        }
        assert_eq!(WAITING.load(Ordering::Relaxed), 0);
    }
}
