//! A local Sentry, as far as programs see it: it takes envelopes, at once or slowly.
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

/// The server; dropping it ends it.
pub struct Ingest {
    port: u16,
    state: Shared,
    server: JoinHandle<()>,
}

type Shared = Arc<Inner>;

#[derive(Default)]
struct Inner {
    delay: Duration,
    /// Requests that are still to be answered with 500.
    failures: AtomicUsize,
    envelopes: Mutex<Vec<String>>,
}

/// What came in one request.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub text: String,
    pub headers: Value,
    /// By their types.
    pub items: Vec<(String, Value)>,
}

impl Ingest {
    /// One that answers at once.
    pub async fn start() -> anyhow::Result<Self> {
        Self::slow(Duration::ZERO).await
    }

    /// One that answers after a while.
    pub async fn slow(delay: Duration) -> anyhow::Result<Self> {
        Self::serve(Inner {
            delay,
            ..Inner::default()
        })
        .await
    }

    /// One that answers 500 to the first requests and keeps nothing of them.
    pub async fn failing(times: usize) -> anyhow::Result<Self> {
        Self::serve(Inner {
            failures: AtomicUsize::new(times),
            ..Inner::default()
        })
        .await
    }

    async fn serve(state: Inner) -> anyhow::Result<Self> {
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

    /// What `SENTRY_DSN` must be.
    pub fn dsn(&self) -> String {
        format!("http://key@127.0.0.1:{}/7", self.port)
    }

    /// Everything that came, as it came.
    pub fn text(&self) -> String {
        self.state.received().concat()
    }

    /// The same, taken apart.
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

impl Inner {
    fn received(&self) -> Vec<String> {
        let envelopes = self.envelopes.lock();
        envelopes.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(state): State<Shared>, headers: HeaderMap, envelope: String) -> Response {
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
    let (headers, mut rest) = text.split_once('\n').context("an envelope of one line")?;
    let headers = serde_json::from_str(headers)?;
    let mut items = Vec::new();
    while let Some((header, after)) = rest.split_once('\n') {
        let header: Value = serde_json::from_str(header)?;
        // An item without a length ends with its line.
        let (item, after) = match header["length"].as_u64() {
            Some(length) => after
                .split_at_checked(length.try_into()?)
                .context("an item that breaks off")?,
            None => after.split_once('\n').unwrap_or((after, "")),
        };
        let kind = header["type"].as_str().context("an item of no type")?;
        items.push((kind.to_owned(), serde_json::from_str(item)?));
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    Ok(Envelope {
        text,
        headers,
        items,
    })
}
