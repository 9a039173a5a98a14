//! An internal Lambda extension that sends Sentry's queue after the response and before the instance is frozen.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use lambda_extension::{Extension, NextEvent, service_fn};
use platform::{telemetry, time::Timestamp};
use tokio::{sync::mpsc, time::timeout};
use tower::{Layer, Service};

/// Maximum time to wait for Sentry after a response. In total, the extension holds the instance for at most 300 ms.
const TIME_LIMIT: Duration = Duration::from_millis(250);
/// The extension gives up this long before the end of the invocation's time.
const MARGIN: Duration = Duration::from_millis(200);

/// Notifies the extension that an invocation has ended. It wraps the Lambda runtime's own service, so it runs after the
/// response or the failure has been sent.
#[derive(Clone)]
pub(super) struct FlushExtension(mpsc::UnboundedSender<()>);

impl FlushExtension {
    /// Registers an internal extension for INVOKE and runs it in the background. For each invocation it waits for the
    /// response and then for Sentry. Lambda freezes an instance only after all its extensions have requested the next
    /// event, so nothing is lost. Lambda returns the response at once, so the client does not wait. (AWS, Lambda
    /// Extensions API.)
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
                        let ended = async { receiver.lock().await.recv().await };
                        if let Ok(Some(())) = timeout(remaining(invoke.deadline_ms), ended).await {
                            telemetry::flush(TIME_LIMIT.min(remaining(invoke.deadline_ms))).await;
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

impl<S> Layer<S> for FlushExtension {
    type Service = NotifyingService<S>;

    fn layer(&self, inner: S) -> NotifyingService<S> {
        NotifyingService {
            inner,
            ended: self.0.clone(),
        }
    }
}

/// A Lambda runtime's service that notifies the extension at the end of each invocation.
#[derive(Clone)]
pub(super) struct NotifyingService<S> {
    inner: S,
    ended: mpsc::UnboundedSender<()>,
}

impl<S, R> Service<R> for NotifyingService<S>
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
        let ended = self.ended.clone();
        Box::pin(async move {
            let result = work.await;
            // Sending fails only if the extension has ended, which it does only with the process.
            let _ = ended.send(());
            result
        })
    }
}

/// Returns the time until the deadline, less the margin.
fn remaining(deadline_ms: u64) -> Duration {
    let now = u64::try_from(Timestamp::now().millis()).unwrap_or_default();
    Duration::from_millis(deadline_ms.saturating_sub(now)).saturating_sub(MARGIN)
}
