//! Sends what Sentry has to send after the response, before the instance is frozen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use lambda_extension::{Extension, NextEvent, service_fn};
use tokio::{sync::mpsc, time::timeout};
use tower::{Layer, Service};

use crate::time::Timestamp;

/// How long an instance is held at most after a response.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// What is left of an invocation's time when the extension gives up.
const MARGIN: Duration = Duration::from_millis(200);

/// Whether there may be something to send.
static PENDING: AtomicBool = AtomicBool::new(false);

/// Tells the extension that an invocation is over. A layer around the Lambda runtime's own service, and so called when the
/// response, or the failure to make one, has been handed over.
#[derive(Clone)]
pub struct Flush(mpsc::UnboundedSender<()>);

impl Flush {
    /// Registers an internal extension for INVOKE and runs it in the background: for each invocation it waits for the
    /// response, then for Sentry. Lambda freezes an instance only when its extensions have asked for the next event, so
    /// nothing is lost, and it hands the response on at once, so nobody waits. (AWS, Lambda Extensions API.)
    pub async fn register() -> anyhow::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let extension = Extension::new()
            .with_events(&["INVOKE"])
            .with_extension_name("codecave-telemetry")
            .with_events_processor(service_fn(move |event: lambda_extension::LambdaEvent| {
                let receiver = receiver.clone();
                async move {
                    if let NextEvent::Invoke(invoke) = event.next {
                        let over = async { receiver.lock().await.recv().await };
                        if let Ok(Some(())) = timeout(until(invoke.deadline_ms), over).await {
                            flush(TIME_LIMIT.min(until(invoke.deadline_ms))).await;
                        }
                    }
                    Ok::<(), lambda_extension::Error>(())
                }
            }))
            .register()
            .await
            .map_err(|error| {
                anyhow::anyhow!("the telemetry extension cannot be registered: {error}")
            })?;
        tokio::spawn(async move {
            if let Err(error) = extension.run().await {
                tracing::error!(%error, "the telemetry extension has ended");
            }
        });
        Ok(Self(sender))
    }
}

impl<S> Layer<S> for Flush {
    type Service = Flushed<S>;

    fn layer(&self, inner: S) -> Flushed<S> {
        Flushed {
            inner,
            over: self.0.clone(),
        }
    }
}

/// A Lambda runtime's service that tells when an invocation is over.
#[derive(Clone)]
pub struct Flushed<S> {
    inner: S,
    over: mpsc::UnboundedSender<()>,
}

impl<S, R> Service<R> for Flushed<S>
where
    S: Service<R>,
    S::Future: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LocalBoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let work = self.inner.call(request);
        let over = self.over.clone();
        Box::pin(async move {
            let result = work.await;
            // The extension is gone only when the process ends.
            let _ = over.send(());
            result
        })
    }
}

/// What is left of an invocation, less a moment to say so.
fn until(deadline_ms: u64) -> Duration {
    let now = u64::try_from(Timestamp::now().millis()).unwrap_or_default();
    Duration::from_millis(deadline_ms.saturating_sub(now)).saturating_sub(MARGIN)
}

/// Notes that Sentry has something to send.
pub(super) fn note_pending() {
    PENDING.store(true, Ordering::Relaxed);
}

/// Waits until Sentry has sent what it has, if anything, on a thread of its own: the client's flush blocks, longer than its
/// limit where the queue is full.
async fn flush(limit: Duration) {
    if !PENDING.swap(false, Ordering::Relaxed) {
        return;
    }
    let Some(client) = sentry::Hub::main().client() else {
        return;
    };
    let sent = tokio::task::spawn_blocking(move || client.flush(Some(limit)));
    if !matches!(timeout(limit, sent).await, Ok(Ok(true))) {
        // After the next invocation, then.
        note_pending();
        tracing::warn!("Sentry did not take everything in time");
    }
}
