//! The way to Sentry: a thread of its own that sends one envelope after the other, within limits of time.

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

/// How long Sentry may take for one envelope; a server that never answers must not hold up those that wait behind it.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Envelopes that wait at most; a burst of failures is longer than the SDK's 30.
const CAPACITY: usize = 500;
/// A connection may be frozen with the instance, and is then dead more often than not.
const IDLE_LIMIT: Duration = Duration::from_secs(10);

/// Makes the transport that [`sentry::ClientOptions`] asks for.
pub(super) struct Factory;

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let address = Arc::new(Address {
            url: options.dsn.envelope_api_url().to_string(),
            auth: options.dsn.to_auth(Some(&options.user_agent)).to_string(),
            client: OnceLock::new(),
        });
        let recorder = options.client_report_recorder;
        let reports = recorder.clone();
        let headers = Headers::default();
        let kept = headers.clone();
        let send = move |envelope: Envelope, mut limits: RateLimiter| {
            let (address, reports) = (address.clone(), reports.clone());
            let envelope = headers.restore(envelope);
            async move {
                match address.send(&envelope).await {
                    Ok(response) => heed(&mut limits, &response),
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
        Arc::new(Thread {
            thread,
            headers: kept,
        })
    }
}

struct Thread {
    thread: TokioTransportThread,
    headers: Headers,
}

impl Transport for Thread {
    fn send_envelope(&self, envelope: Envelope) {
        flush::note_pending();
        self.headers.keep(&envelope);
        self.thread.send(envelope);
    }

    fn flush(&self, limit: Duration) -> bool {
        self.thread.flush(limit)
    }
}

/// Headers of the envelopes that wait, by their events: the SDK drops the trace's when it applies its rate limits.
#[derive(Clone, Default)]
struct Headers(Arc<Mutex<HashMap<Uuid, EnvelopeHeaders>>>);

impl Headers {
    fn keep(&self, envelope: &Envelope) {
        let Some(id) = envelope.uuid().copied() else {
            return;
        };
        let headers = match baggage::head() {
            Some(head) => EnvelopeHeaders::new().with_event_id(id).with_trace(head),
            None => envelope.headers().clone(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of envelopes that were never sent.
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

struct Address {
    url: String,
    auth: String,
    /// Made when there is something to send, which is not at the start.
    client: OnceLock<reqwest::Client>,
}

impl Address {
    async fn send(&self, envelope: &Envelope) -> anyhow::Result<reqwest::Response> {
        let mut body = Vec::new();
        envelope.to_writer(&mut body)?;
        let again = body.clone();
        match self.post(body).await {
            // The server may have hung up while the instance was frozen.
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

/// Sends less for as long as Sentry asks for it.
fn heed(limits: &mut RateLimiter, response: &reqwest::Response) {
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
