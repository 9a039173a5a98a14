//! A local server with Sentry's protocol, which stores the envelopes it receives. It can respond slowly or with errors.
//!
//! <https://develop.sentry.dev/sdk/data-model/envelopes/>

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

/// A running server. Dropping it ends it.
pub struct Ingest {
    port: u16,
    state: SharedState,
    server: JoinHandle<()>,
}

type SharedState = Arc<IngestState>;

#[derive(Default)]
struct IngestState {
    delay: Duration,
    /// Number of requests that still get a 500.
    failures: AtomicUsize,
    envelopes: Mutex<Vec<String>>,
}

/// The content of one request.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub text: String,
    pub headers: Value,
    /// Items with their types.
    pub items: Vec<(String, Value)>,
}

impl Ingest {
    /// Starts a server that responds at once.
    pub async fn start() -> anyhow::Result<Self> {
        Self::slow(Duration::ZERO).await
    }

    /// Starts a server that waits before each response.
    pub async fn slow(delay: Duration) -> anyhow::Result<Self> {
        Self::serve(IngestState {
            delay,
            ..IngestState::default()
        })
        .await
    }

    /// Starts a server that responds with 500 to the first requests and does not store them.
    pub async fn failing(times: usize) -> anyhow::Result<Self> {
        Self::serve(IngestState {
            failures: AtomicUsize::new(times),
            ..IngestState::default()
        })
        .await
    }

    async fn serve(state: IngestState) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(state);
        let router = Router::new()
            .route("/api/7/envelope/", post(take))
            .layer(DefaultBodyLimit::disable())
            .with_state(state.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            port,
            state,
            server,
        })
    }

    /// Returns the value of `SENTRY_DSN` for this server.
    pub fn dsn(&self) -> String {
        format!("http://key@127.0.0.1:{}/7", self.port)
    }

    /// Returns everything that was received, unchanged.
    pub fn text(&self) -> String {
        self.state.received().concat()
    }

    /// Returns the received envelopes, parsed.
    pub fn envelopes(&self) -> anyhow::Result<Vec<Envelope>> {
        let received = self.state.received();
        received.into_iter().map(parse).collect()
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl IngestState {
    fn received(&self) -> Vec<String> {
        let envelopes = self.envelopes.lock();
        envelopes.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(state): State<SharedState>, headers: HeaderMap, envelope: String) -> Response {
    let authorized = headers
        .get("x-sentry-auth")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("sentry_key=key"));
    if !authorized {
        return StatusCode::FORBIDDEN.into_response();
    }
    sleep(state.delay).await;
    let fails = |left: usize| left.checked_sub(1);
    if (state.failures.fetch_update(Relaxed, Relaxed, fails)).is_ok() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let envelopes = state.envelopes.lock();
    envelopes
        .unwrap_or_else(PoisonError::into_inner)
        .push(envelope);
    "{}".into_response()
}

fn parse(text: String) -> anyhow::Result<Envelope> {
    let (headers, mut rest) = text
        .split_once('\n')
        .context("an envelope has only one line")?;
    let headers = serde_json::from_str(headers)?;
    let mut items = Vec::new();
    while let Some((header, after)) = rest.split_once('\n') {
        let header: Value = serde_json::from_str(header)?;
        // An item without a length ends with its line.
        let (item, after) = match header["length"].as_u64() {
            Some(length) => after
                .split_at_checked(length.try_into()?)
                .context("an item is incomplete")?,
            None => after.split_once('\n').unwrap_or((after, "")),
        };
        let kind = header["type"].as_str().context("an item has no type")?;
        items.push((kind.to_owned(), serde_json::from_str(item)?));
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    Ok(Envelope {
        text,
        headers,
        items,
    })
}
