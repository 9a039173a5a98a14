//! A local Sentry, as far as programs see it: it takes envelopes, at once or slowly.
//!
//! <https://develop.sentry.dev/sdk/data-model/envelopes/>

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
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
    envelopes: Mutex<Vec<Envelope>>,
}

/// What came in one request.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub text: String,
    pub headers: Value,
    pub items: Vec<(String, Value)>,
}

impl Ingest {
    pub async fn start() -> Self {
        Self::slow(Duration::ZERO).await
    }

    /// Answers after a while.
    pub async fn slow(delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Inner {
            delay,
            ..Inner::default()
        });
        let router = Router::new()
            .route("/api/7/envelope/", post(take))
            .layer(DefaultBodyLimit::disable())
            .with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            port,
            state,
            server,
        }
    }

    pub fn dsn(&self) -> String {
        format!("http://key@127.0.0.1:{}/7", self.port)
    }

    pub fn envelopes(&self) -> Vec<Envelope> {
        self.state.envelopes.lock().unwrap().clone()
    }

    fn items(&self, kind: &str) -> Vec<Value> {
        self.envelopes()
            .into_iter()
            .flat_map(|envelope| envelope.items)
            .filter(|(found, _)| found == kind)
            .map(|(_, item)| item)
            .collect()
    }

    pub fn events(&self) -> Vec<Value> {
        self.items("event")
    }

    pub fn transactions(&self) -> Vec<Value> {
        self.items("transaction")
    }

    /// Sentry's logs, one by one.
    pub fn logs(&self) -> Vec<Value> {
        self.items("log")
            .iter()
            .flat_map(|batch| batch["items"].as_array().unwrap().clone())
            .collect()
    }

    /// Everything that came, as it came.
    pub fn text(&self) -> String {
        self.envelopes()
            .iter()
            .map(|envelope| envelope.text.as_str())
            .collect()
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let authorized = headers
        .get("x-sentry-auth")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("sentry_key=key"));
    if !authorized {
        return StatusCode::FORBIDDEN.into_response();
    }
    sleep(state.delay).await;
    let envelope = parse(&body);
    state.envelopes.lock().unwrap().push(envelope);
    "{}".into_response()
}

fn parse(body: &[u8]) -> Envelope {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (headers, mut rest) = text.split_once('\n').unwrap();
    let headers = serde_json::from_str(headers).unwrap();
    let mut items = Vec::new();
    while let Some((header, after)) = rest.split_once('\n') {
        let header: Value = serde_json::from_str(header).unwrap();
        // An item without a length ends with its line.
        let (item, after) = match header["length"].as_u64() {
            Some(length) => after.split_at(length.try_into().unwrap()),
            None => after.split_once('\n').unwrap_or((after, "")),
        };
        let item = serde_json::from_str(item).unwrap();
        items.push((header["type"].as_str().unwrap().to_owned(), item));
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    Envelope {
        text,
        headers,
        items,
    }
}
