//! Sends envelopes to Sentry, one after the other, on a thread of its own and with a timeout.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use sentry::{
    Envelope, Transport, TransportFactory, TransportOptions,
    client_report::Reason,
    protocol::EnvelopeHeaders,
    transports::{RateLimiter, TokioTransportThread, TokioTransportThreadOptions},
    types::Uuid,
};

use super::{baggage, flush};

/// Timeout of one envelope. A server that never responds must not block the envelopes in the queue.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Capacity of the queue. A burst of failures is longer than the SDK's default of 30.
const CAPACITY: usize = 500;
/// Idle connections are closed after this time. A connection that was frozen with the instance is usually dead.
const IDLE_LIMIT: Duration = Duration::from_secs(10);

/// Creates the transport for [`sentry::ClientOptions`].
pub(super) struct Factory;

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let endpoint = Arc::new(SentryEndpoint {
            url: options.dsn.envelope_api_url().to_string(),
            auth: options.dsn.to_auth(Some(&options.user_agent)).to_string(),
            client: OnceLock::new(),
        });
        let recorder = options.client_report_recorder;
        let reports = recorder.clone();
        let headers = EnvelopeHeaderStore::default();
        let kept = headers.clone();
        let send = move |envelope: Envelope, mut limits: RateLimiter| {
            let (endpoint, reports) = (endpoint.clone(), reports.clone());
            let envelope = headers.restore(envelope);
            async move {
                match endpoint.send(&envelope).await {
                    Ok(response) => update_limits(&mut limits, &response),
                    Err(error) => {
                        tracing::debug!(%error, "Sentry cannot be reached");
                        reports.record_lost_data(&envelope, Reason::NetworkError);
                    }
                }
                limits
            }
        };
        let thread = TokioTransportThreadOptions::new(send)
            .with_client_report_recorder(recorder)
            .with_channel_capacity(CAPACITY)
            .spawn_thread();
        Arc::new(SentryThread {
            thread,
            headers: kept,
        })
    }
}

struct SentryThread {
    thread: TokioTransportThread,
    headers: EnvelopeHeaderStore,
}

impl Transport for SentryThread {
    fn send_envelope(&self, envelope: Envelope) {
        flush::note_pending();
        self.headers.keep(&envelope);
        self.thread.send(envelope);
    }

    fn flush(&self, limit: Duration) -> bool {
        self.thread.flush(limit)
    }
}

/// Headers of the queued envelopes, by event id. The SDK drops the trace header when it applies its rate limits.
#[derive(Clone, Default)]
struct EnvelopeHeaderStore(Arc<Mutex<HashMap<Uuid, EnvelopeHeaders>>>);

impl EnvelopeHeaderStore {
    fn keep(&self, envelope: &Envelope) {
        let Some(id) = envelope.uuid().copied() else {
            return;
        };
        let headers = match baggage::head() {
            Some(head) => EnvelopeHeaders::new().with_event_id(id).with_trace(head),
            None => envelope.headers().clone(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Many headers belong to envelopes that the SDK dropped.
        if kept.len() > 2 * CAPACITY {
            kept.clear();
        }
        kept.insert(id, headers);
    }

    fn restore(&self, envelope: Envelope) -> Envelope {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match envelope.uuid().and_then(|id| kept.remove(id)) {
            Some(headers) => envelope.with_headers(headers),
            None => envelope,
        }
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
            Err(error) if !error.is_timeout() && !error.is_connect() => {
                Ok(self.post(again).await?)
            }
            result => Ok(result?),
        }
    }

    async fn post(&self, body: Vec<u8>) -> reqwest::Result<reqwest::Response> {
        let client = if let Some(client) = self.client.get() {
            client
        } else {
            let client = reqwest::Client::builder()
                .timeout(TIME_LIMIT)
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
