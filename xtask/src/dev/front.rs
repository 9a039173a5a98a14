//! The HTTP server of `cargo xtask dev`. It takes the place of API Gateway. While a source does not compile, it responds
//! with the error.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json};
use testkit::emulator::Failure;
use tokio::{net::TcpListener, sync::watch, time::timeout};

use super::{
    functions::{LocalFunction, NoAnswer},
    gateway::{self, MAX_EVENT, refusal},
    routes::Routes,
};
use crate::bundle::FUNCTIONS;

/// Maximum time that a request waits for a build. After a change of a handler, a build takes seconds.
const BUILD_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds after which a client may retry when a build takes longer.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
/// Start and end of the path of Lambda's own API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
const INVOKE: (&str, &str) = ("/2015-03-31/functions/", "/invocations");

/// The reason why a function cannot serve requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One line: file, line and message.
    pub summary: String,
    /// The full text of the compiler or of the database.
    pub details: String,
}

/// The state of the build and of the functions.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Progress of the running build, if there is one.
    pub building: Option<String>,
    /// Problems by name of the function.
    pub problems: BTreeMap<&'static str, Problem>,
}

/// The functions behind one address.
pub struct Front {
    routes: Routes,
    functions: BTreeMap<&'static str, LocalFunction>,
    /// Maximum time that a request waits for a build.
    pub(super) patience: Duration,
    status: watch::Sender<Status>,
}

impl Front {
    pub fn new(routes: Routes, functions: BTreeMap<&'static str, LocalFunction>) -> Self {
        Self {
            routes,
            functions,
            patience: BUILD_TIMEOUT,
            status: watch::Sender::default(),
        }
    }

    /// Makes requests wait while a build runs.
    pub fn building(&self, progress: &str) {
        self.status
            .send_modify(|status| status.building = Some(progress.to_owned()));
    }

    /// Lets requests through again, except those to functions with a problem.
    pub fn built(&self, problems: BTreeMap<&'static str, Problem>) {
        self.status.send_replace(Status {
            building: None,
            problems,
        });
    }

    /// Returns the functions by name.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, &LocalFunction)> {
        self.functions
            .iter()
            .map(|(name, function)| (*name, function))
    }

    /// Serves HTTP on the listener.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> anyhow::Result<()> {
        let service = Router::new()
            .fallback(handle)
            .with_state(self)
            .into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).await?;
        Ok(())
    }

    async fn answer(&self, request: Request, caller: SocketAddr) -> Response {
        let (request, body) = match gateway::collect(request).await {
            Ok(collected) => collected,
            Err(refusal) => return refusal,
        };
        if let Some(name) = invoked(&request.uri) {
            return self.invoke_by_name(name, body).await;
        }
        let routed = self.routes.function(&gateway::decoded(request.uri.path()));
        let Some((name, function)) = routed.and_then(|name| self.functions.get_key_value(name))
        else {
            return refusal(StatusCode::NOT_FOUND, "Not Found");
        };
        if let Err(answer) = self.ready(name, &request.headers, &request.method).await {
            return answer;
        }
        let event = gateway::event(&request, &body, caller.ip()).to_string();
        if event.len() > MAX_EVENT {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let outcome = match function.invoke(event.into()).await {
            Ok(answer) => gateway::response(&answer, &request.method).map_err(|error| {
                report(name, &error.to_string());
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }),
            Err(NoAnswer::Failed(Failure::TimedOut)) => {
                report(name, &Failure::TimedOut.to_string());
                Err((StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"))
            }
            Err(error) => {
                report(name, &error.to_string());
                Err((StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
            }
        };
        outcome.unwrap_or_else(|(status, message)| refusal(status, message))
    }

    /// Responds as Lambda's own API does, for `cargo xtask invoke` and `cargo lambda invoke`.
    async fn invoke_by_name(&self, name: &str, event: Bytes) -> Response {
        let Some((name, function)) = self.functions.get_key_value(name) else {
            return refusal(
                StatusCode::NOT_FOUND,
                &format!("Function not found: {name}"),
            );
        };
        if let Err(answer) = self.ready(name, &HeaderMap::new(), &Method::POST).await {
            return answer;
        }
        let error = match function.invoke(event).await {
            Ok(answer) => return Response::new(Body::from(answer)),
            Err(NoAnswer::Failed(Failure::Function(error))) => error,
            Err(error) => json!({ "errorType": "Unhandled", "errorMessage": error.to_string() }),
        };
        let mut response = Response::new(Body::from(error.to_string()));
        response.headers_mut().insert(
            "x-amz-function-error",
            HeaderValue::from_static("Unhandled"),
        );
        response
    }

    /// Waits for a running build. If the function cannot serve after that, the error is the response to send.
    async fn ready(
        &self,
        name: &str,
        headers: &HeaderMap,
        method: &Method,
    ) -> Result<(), Response> {
        let mut status = self.status.subscribe();
        let waited = timeout(
            self.patience,
            status.wait_for(|status| status.building.is_none()),
        )
        .await;
        drop(waited);
        let status = self.status.borrow().clone();
        let answer = match (status.building, status.problems.get(name)) {
            (Some(progress), _) => {
                let problem = Problem {
                    summary: format!("{name} is being built: {progress}"),
                    details: String::new(),
                };
                let mut answer = unavailable(&problem, headers);
                answer
                    .headers_mut()
                    .insert(header::RETRY_AFTER, RETRY_AFTER);
                answer
            }
            (None, Some(problem)) => unavailable(problem, headers),
            (None, None) => return Ok(()),
        };
        Err(for_frontend(answer, headers, method))
    }
}

async fn handle(
    State(front): State<Arc<Front>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    // In a task of its own, because an instance completes the request of a caller that has disconnected.
    let answer = tokio::spawn(async move { front.answer(request, caller).await });
    answer.await.unwrap_or_else(|error| {
        report("the HTTP server", &error.to_string());
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    })
}

/// Returns the name of the function if the path belongs to Lambda's own API.
fn invoked(uri: &Uri) -> Option<&str> {
    let (start, end) = INVOKE;
    uri.path().strip_prefix(start)?.strip_suffix(end)
}

fn report(name: &str, problem: &str) {
    eprintln!("{name}: {problem}");
}

/// Returns a 503 in the API's format, with the full text as `details`. A page in a browser gets plain text.
fn unavailable(problem: &Problem, headers: &HeaderMap) -> Response {
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let (content_type, body) = if wants_page {
        let text = format!("{}\n\n{}", problem.summary, problem.details);
        ("text/plain; charset=utf-8", text)
    } else {
        ("application/json", body(problem).to_string())
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn body(problem: &Problem) -> Value {
    let mut body = json!({
        "message": problem.summary,
        "error": "Service Unavailable",
        "statusCode": 503,
    });
    if !problem.details.is_empty() {
        body["details"] = problem.details.clone().into();
    }
    body
}

/// Adds CORS headers, so that the browser lets a frontend on this machine read the response.
fn for_frontend(mut answer: Response, headers: &HeaderMap, method: &Method) -> Response {
    let Some(origin) = headers
        .get(header::ORIGIN)
        .filter(|origin| is_local(origin))
    else {
        return answer;
    };
    if method == Method::OPTIONS {
        *answer.status_mut() = StatusCode::NO_CONTENT;
        *answer.body_mut() = Body::empty();
    }
    let copies = [
        (
            header::ACCESS_CONTROL_REQUEST_METHOD,
            header::ACCESS_CONTROL_ALLOW_METHODS,
        ),
        (
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
        ),
    ];
    for (asked, allowed) in copies {
        if let Some(value) = headers.get(asked) {
            answer.headers_mut().insert(allowed, value.clone());
        }
    }
    let answered = answer.headers_mut();
    answered.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answered.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    answered.insert(header::VARY, HeaderValue::from_static("Origin"));
    answer
}

fn is_local(origin: &HeaderValue) -> bool {
    let origin = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok());
    origin.is_some_and(|origin| matches!(origin.host(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

/// Returns the same problem for every function.
pub fn for_all(problem: &Problem) -> BTreeMap<&'static str, Problem> {
    FUNCTIONS.map(|name| (name, problem.clone())).into()
}
