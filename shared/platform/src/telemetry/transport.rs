//! Sends envelopes to Sentry, one after the other, on a thread of its own and with a timeout.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use sentry::{
    Envelope, Hub, Transport, TransportFactory, TransportOptions,
    client_report::{Reason, Recorder},
    protocol::{EnvelopeFilterCallbacks, EnvelopeHeaders, EnvelopeItem, ItemContainer},
    transports::{RateLimiter, RateLimitingCategory as Category},
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    baggage, flush,
    losses::{self, Loss},
    outbox::{Outbox, PAUSE},
};
use crate::breaker::Breaker;

/// Timeout of one envelope. A server that never responds must not block the envelopes in the queue.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// Idle connections are closed after this time. A connection that was frozen with the instance is usually dead.
const IDLE_LIMIT: Duration = Duration::from_secs(10);

/// Creates the transport for [`sentry::ClientOptions`].
pub(super) struct Factory;

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let (outbox, envelopes) = Outbox::new();
        let outbox = Arc::new(outbox);
        let reports = options.client_report_recorder;
        let sender = EnvelopeSender {
            endpoint: SentryEndpoint {
                url: options.dsn.envelope_api_url().to_string(),
                auth: options.dsn.to_auth(Some(&options.user_agent)).to_string(),
                client: OnceLock::new(),
            },
            limits: RateLimiter::new(),
            reports: reports.clone(),
            paused: Breaker::new(PAUSE),
        };
        let on_thread = outbox.clone();
        let started = std::thread::Builder::new()
            .name("sentry-transport".to_owned())
            .spawn(move || {
                // A hub without a client: nothing that this thread logs is sent to Sentry.
                let hub = Arc::new(Hub::new(None, Arc::default()));
                Hub::run(hub, || run(sender, envelopes, &on_thread));
            });
        if let Err(error) = started {
            tracing::warn!(target: losses::TARGET, %error, "nothing can be sent to Sentry");
        }
        Arc::new(SentryTransport { outbox, reports })
    }
}

struct SentryTransport {
    outbox: Arc<Outbox>,
    reports: Recorder,
}

impl Transport for SentryTransport {
    fn send_envelope(&self, envelope: Envelope) {
        flush::note_pending();
        let envelope = match (envelope.uuid().copied(), baggage::head()) {
            (Some(id), Some(head)) => {
                envelope.with_headers(EnvelopeHeaders::new().with_event_id(id).with_trace(head))
            }
            _ => envelope,
        };
        if let Some(envelope) = self.outbox.push(envelope) {
            self.reports
                .record_lost_data(&envelope, Reason::QueueOverflow);
        }
    }

    fn flush(&self, limit: Duration) -> bool {
        self.outbox.wait_until_empty(limit)
    }

    fn shutdown(&self, limit: Duration) -> bool {
        let is_empty = self.flush(limit);
        losses::report();
        is_empty
    }
}

/// Sends the envelopes of the queue until the transport is dropped.
fn run(mut sender: EnvelopeSender, mut envelopes: mpsc::Receiver<Envelope>, outbox: &Outbox) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::warn!(target: losses::TARGET, %error, "nothing can be sent to Sentry");
            return;
        }
    };
    runtime.block_on(async {
        loop {
            match timeout(losses::REPORT_INTERVAL, envelopes.recv()).await {
                Ok(Some(envelope)) => {
                    sender.send(envelope).await;
                    outbox.settle();
                }
                Ok(None) => return,
                Err(_) => {}
            }
            losses::report_if_due();
        }
    });
    // The lookup of a name may block for longer than the timeout.
    runtime.shutdown_background();
}

struct EnvelopeSender {
    endpoint: SentryEndpoint,
    limits: RateLimiter,
    reports: Recorder,
    /// Open after a timeout.
    paused: Breaker,
}

impl EnvelopeSender {
    /// Sends an envelope, or counts why it was dropped.
    async fn send(&mut self, envelope: Envelope) {
        let Some(envelope) = self.within_limits(envelope) else {
            return losses::count(Loss::RateLimited);
        };
        if self.paused.is_open() {
            return self.lose(&envelope, Loss::Network);
        }
        match timeout(TIME_LIMIT, self.endpoint.send(&envelope)).await {
            Ok(Ok(response)) => {
                self.paused.close();
                update_limits(&mut self.limits, &response);
                match response.status() {
                    status if status.is_success() => {}
                    // The server has counted the loss itself.
                    reqwest::StatusCode::TOO_MANY_REQUESTS => losses::count(Loss::RateLimited),
                    _ => self.lose(&envelope, Loss::Rejected),
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(error = %format_args!("{error:#}"), "Sentry cannot be reached");
                self.lose(&envelope, Loss::Network);
            }
            Err(_) => {
                self.paused.open();
                self.lose(&envelope, Loss::Network);
            }
        }
    }

    /// Removes the items whose rate Sentry has limited. Returns `None` if nothing is left.
    fn within_limits(&self, envelope: Envelope) -> Option<Envelope> {
        let headers = envelope.headers().clone();
        let filter = EnvelopeFilterCallbacks::new(
            |item: &EnvelopeItem| self.limits.is_enabled(category(item)),
            |item: EnvelopeItem| {
                self.reports
                    .record_lost_data(&item, Reason::RatelimitBackoff);
            },
        );
        // The filter drops the trace of the headers.
        Some(envelope.filter(filter)?.with_headers(headers))
    }

    fn lose(&self, envelope: &Envelope, loss: Loss) {
        self.reports
            .record_lost_data(envelope, Reason::NetworkError);
        losses::count(loss);
    }
}

fn category(item: &EnvelopeItem) -> Category {
    match item {
        EnvelopeItem::Event(_) => Category::Error,
        EnvelopeItem::Transaction(_) => Category::Transaction,
        EnvelopeItem::ItemContainer(ItemContainer::Logs(_)) => Category::LogItem,
        _ => Category::Any,
    }
}

struct SentryEndpoint {
    url: String,
    auth: String,
    /// Created with the first envelope, so that it does not slow down init.
    client: OnceLock<reqwest::Client>,
}

impl SentryEndpoint {
    async fn send(&self, envelope: &Envelope) -> anyhow::Result<reqwest::Response> {
        let mut body = Vec::new();
        envelope.to_writer(&mut body)?;
        let again = body.clone();
        match self.post(body).await {
            // The server may have closed the connection while the instance was frozen.
            Err(error) if !error.is_connect() => Ok(self.post(again).await?),
            result => Ok(result?),
        }
    }

    async fn post(&self, body: Vec<u8>) -> reqwest::Result<reqwest::Response> {
        let client = if let Some(client) = self.client.get() {
            client
        } else {
            let client = reqwest::Client::builder()
                .pool_idle_timeout(IDLE_LIMIT)
                .build()?;
            self.client.get_or_init(|| client)
        };
        client
            .post(&self.url)
            .header("x-sentry-auth", &self.auth)
            .body(body)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
    }
}

/// Applies the rate limits that Sentry sends in its response.
fn update_limits(limits: &mut RateLimiter, response: &reqwest::Response) {
    let header = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok()
    };
    if let Some(categories) = header("x-sentry-rate-limits") {
        limits.update_from_sentry_header(categories);
    } else if let Some(seconds) = header("retry-after") {
        limits.update_from_retry_after(seconds);
    } else if response.status() == reqwest::StatusCode::TOO_MANY_REQUESTS {
        limits.update_from_429();
    }
}
