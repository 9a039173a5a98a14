//! The Runtime API and the Extensions API of one instance.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use uuid::Uuid;

/// Time limit of an init phase and of an invocation.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The largest response that Lambda accepts without streaming: 6 MiB.
const MAX_ANSWER: usize = 6 * 1024 * 1024;

const INVOCATION: &str = "/2018-06-01/runtime/invocation";
const EXTENSION_ID: &str = "lambda-extension-identifier";

pub(super) type SharedApi = Arc<Api>;

pub(super) struct Api {
    function: String,
    inner: Mutex<Progress>,
    invocations: mpsc::UnboundedSender<PendingInvocation>,
    waiting_room: AsyncMutex<mpsc::UnboundedReceiver<PendingInvocation>>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct Progress {
    /// Whether the runtime waits for an invocation.
    runtime_waits: bool,
    first_next: Option<Instant>,
    init_error: Option<Value>,
    pending: HashMap<String, oneshot::Sender<Answer>>,
    extensions: HashMap<String, Extension>,
}

struct PendingInvocation {
    id: String,
    event: Bytes,
    deadline_ms: u128,
}

pub(super) enum Answer {
    Response(Bytes),
    Error(Value),
}

#[derive(Clone)]
struct Extension {
    wants_invocations: bool,
    waits: bool,
    events: mpsc::UnboundedSender<Value>,
    waiting_room: Arc<AsyncMutex<mpsc::UnboundedReceiver<Value>>>,
}

impl Api {
    pub fn new(function: &str) -> SharedApi {
        let (invocations, waiting_room) = mpsc::unbounded_channel();
        Arc::new(Self {
            function: function.to_owned(),
            inner: Mutex::default(),
            invocations,
            waiting_room: AsyncMutex::new(waiting_room),
            changes: watch::Sender::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        let result = change(&mut self.lock());
        self.changes.send_replace(());
        result
    }

    /// Waits until the runtime and all extensions wait for the next event. At this moment Lambda freezes the instance.
    pub async fn settled(&self) -> Result<(), Value> {
        let mut changes = self.changes.subscribe();
        loop {
            {
                let inner = self.lock();
                if let Some(error) = &inner.init_error {
                    return Err(error.clone());
                }
                if inner.runtime_waits && inner.extensions.values().all(|known| known.waits) {
                    return Ok(());
                }
            }
            if changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// Returns the time of the runtime's first request for an invocation.
    pub fn first_next(&self) -> Option<Instant> {
        self.lock().first_next
    }

    pub fn has_extensions(&self) -> bool {
        !self.lock().extensions.is_empty()
    }

    /// Sends the event to the runtime, and notifies the extensions.
    pub fn invoke(&self, event: Bytes) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let invocation = PendingInvocation {
            id: Uuid::new_v4().to_string(),
            event,
            deadline_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_millis()
                + TIME_LIMIT.as_millis(),
        };
        self.change(|inner| {
            inner.runtime_waits = false;
            inner.pending.insert(invocation.id.clone(), answer);
            for extension in inner.extensions.values_mut() {
                if extension.wants_invocations {
                    extension.waits = false;
                    let _ = extension.events.send(json!({
                        "eventType": "INVOKE",
                        "deadlineMs": invocation.deadline_ms,
                        "requestId": invocation.id,
                        "invokedFunctionArn": self.arn(),
                        "tracing": { "type": "X-Amzn-Trace-Id", "value": TRACE },
                    }));
                }
            }
        });
        let _ = self.invocations.send(invocation);
        answered
    }

    fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:eu-central-1:123456789012:function:{}",
            self.function
        )
    }
}

const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

pub(super) fn router(api: SharedApi) -> Router {
    Router::new()
        .route(&format!("{INVOCATION}/next"), get(next))
        .route(&format!("{INVOCATION}/{{id}}/response"), post(response))
        .route(&format!("{INVOCATION}/{{id}}/error"), post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .route("/2020-01-01/extension/register", post(register))
        .route("/2020-01-01/extension/event/next", get(next_event))
        .route("/2020-01-01/extension/init/error", post(init_error))
        .route("/2020-01-01/extension/exit/error", post(init_error))
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

async fn next(State(api): State<SharedApi>) -> Response {
    let mut waiting_room = api.waiting_room.lock().await;
    api.change(|inner| {
        inner.first_next.get_or_insert_with(Instant::now);
        inner.runtime_waits = true;
    });
    let Some(invocation) = waiting_room.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.id),
        (
            "lambda-runtime-deadline-ms",
            invocation.deadline_ms.to_string(),
        ),
        ("lambda-runtime-invoked-function-arn", api.arn()),
        ("lambda-runtime-trace-id", TRACE.to_owned()),
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
    ];
    (headers, invocation.event).into_response()
}

async fn response(State(api): State<SharedApi>, address: OriginalUri, body: Bytes) -> Response {
    if body.len() > MAX_ANSWER {
        let message = format!(
            "Response payload size exceeded maximum allowed payload size ({MAX_ANSWER} bytes)."
        );
        let error = failure("Function.ResponseSizeTooLarge", &message);
        answer(&api, &address, Answer::Error(error));
        return refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &message,
        );
    }
    answer(&api, &address, Answer::Response(body))
}

async fn error(State(api): State<SharedApi>, address: OriginalUri, body: Bytes) -> Response {
    answer(&api, &address, Answer::Error(json_of(&body)))
}

fn answer(api: &Api, address: &OriginalUri, answer: Answer) -> Response {
    let id = address.path().rsplit('/').nth(1).unwrap_or_default();
    match api.change(|inner| inner.pending.remove(id)) {
        Some(caller) => {
            // The caller may have timed out.
            let _ = caller.send(answer);
            accepted()
        }
        None => refusal(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        ),
    }
}

async fn init_error(State(api): State<SharedApi>, body: Bytes) -> Response {
    api.change(|inner| inner.init_error = Some(json_of(&body)));
    accepted()
}

async fn register(State(api): State<SharedApi>, headers: HeaderMap, body: Bytes) -> Response {
    if !headers.contains_key("lambda-extension-name") {
        return refusal(
            StatusCode::FORBIDDEN,
            "Extension.InvalidExtensionName",
            "Lambda-Extension-Name is missing",
        );
    }
    let body = json_of(&body);
    let wanted: Vec<_> = body["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if let Some(event) = wanted.iter().find(|event| **event != "INVOKE") {
        // All extensions are internal ones, which Lambda sends no shutdown event.
        return refusal(
            StatusCode::FORBIDDEN,
            "Extension.InvalidEventType",
            &format!("{event}: ShutdownEventNotSupportedForInternalExtension"),
        );
    }
    let (events, waiting_room) = mpsc::unbounded_channel();
    let id = Uuid::new_v4().to_string();
    let extension = Extension {
        wants_invocations: !wanted.is_empty(),
        waits: false,
        events,
        waiting_room: Arc::new(AsyncMutex::new(waiting_room)),
    };
    api.change(|inner| inner.extensions.insert(id.clone(), extension));
    let description = json!({
        "functionName": api.function,
        "functionVersion": "$LATEST",
        "handler": "bootstrap",
        "accountId": "123456789012",
    });
    ([(EXTENSION_ID, id)], description.to_string()).into_response()
}

async fn next_event(State(api): State<SharedApi>, headers: HeaderMap) -> Response {
    let known = headers
        .get(EXTENSION_ID)
        .and_then(|id| id.to_str().ok())
        .and_then(|id| {
            api.change(|inner| {
                let extension = inner.extensions.get_mut(id)?;
                extension.waits = true;
                Some(extension.waiting_room.clone())
            })
        });
    let Some(waiting_room) = known else {
        return refusal(
            StatusCode::FORBIDDEN,
            "Extension.UnknownExtensionIdentifier",
            "Unknown extension",
        );
    };
    match waiting_room.lock().await.recv().await {
        Some(event) => {
            let id = Uuid::new_v4().to_string();
            (
                [("lambda-extension-event-identifier", id)],
                event.to_string(),
            )
                .into_response()
        }
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, failure(kind, message).to_string()).into_response()
}

fn failure(kind: &str, message: &str) -> Value {
    json!({ "errorType": kind, "errorMessage": message })
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
