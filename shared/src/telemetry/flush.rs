//! Sends what Sentry has to send after the response, before the instance is frozen.

use std::{sync::Arc, time::Duration};

use lambda_extension::{Extension, NextEvent, service_fn};
use tokio::sync::mpsc;

use crate::time::Timestamp;

/// How long an instance is held at most after a response.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// What is left of an invocation's time when the extension gives up.
const MARGIN: Duration = Duration::from_millis(200);

/// Tells the extension that a response is on its way.
#[derive(Clone)]
pub struct Flush(mpsc::UnboundedSender<()>);

impl Flush {
    /// A request has been answered.
    pub fn answered(&self) {
        // The extension is gone only when the process ends.
        let _ = self.0.send(());
    }

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
                        let left = until(invoke.deadline_ms);
                        let answered = async { receiver.lock().await.recv().await };
                        // An event that never reached the handler has no answer to wait for.
                        if let Ok(Some(())) = tokio::time::timeout(left, answered).await {
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

/// What is left of an invocation, less a moment to say so.
fn until(deadline_ms: u64) -> Duration {
    let now = u64::try_from(Timestamp::now().millis()).unwrap_or_default();
    Duration::from_millis(deadline_ms.saturating_sub(now)).saturating_sub(MARGIN)
}

/// Waits until Sentry has sent what it has, on a thread of its own: the client's flush blocks.
async fn flush(limit: Duration) {
    let Some(client) = sentry::Hub::main().client() else {
        return;
    };
    let sent = tokio::task::spawn_blocking(move || client.flush(Some(limit))).await;
    if !matches!(sent, Ok(true)) {
        tracing::warn!("Sentry did not take everything in time");
    }
}
