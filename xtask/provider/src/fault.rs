//! What a test can make an endpoint do, and what an endpoint received.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};

use crate::{
    http::{self, Fields},
    server::Shared,
};

/// An endpoint that the API calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    GitHubToken,
    GitHubUser,
    GitHubEmails,
    GoogleToken,
    GoogleKeys,
    GoogleUserinfo,
    /// Where [`Fault::Redirect`] points; nobody has business there.
    Elsewhere,
}

impl Endpoint {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/github/login/oauth/access_token" => Self::GitHubToken,
            "/github/user" => Self::GitHubUser,
            "/github/user/emails" => Self::GitHubEmails,
            "/google/token" => Self::GoogleToken,
            "/google/certs" => Self::GoogleKeys,
            "/google/userinfo" => Self::GoogleUserinfo,
            "/elsewhere" => Self::Elsewhere,
            _ => return None,
        })
    }
}

/// How an endpoint misbehaves, until [`crate::Provider::recover`].
#[derive(Clone, Debug)]
pub enum Fault {
    /// That status with a JSON body.
    Status(u16),
    /// An OAuth error: with status 200 from GitHub, 400 from Google.
    Error(&'static str),
    /// Status 200 with a JSON content type and a body that is none.
    Garbage,
    /// Status 200 with this body.
    Body(Value),
    /// The usual answer with the members of this object put in; a null takes the member out.
    Patch(Value),
    /// The usual answer, that much later.
    Slow(Duration),
    /// 302 to [`Endpoint::Elsewhere`], which answers like a token endpoint.
    Redirect,
    /// The connection ends within the answer.
    Disconnect,
}

/// A request as an endpoint got it.
#[derive(Clone, Debug)]
pub struct Received {
    pub endpoint: Endpoint,
    pub headers: HeaderMap,
    form: Fields,
}

impl Received {
    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name)
    }

    /// The names of the form's fields, in order.
    pub fn field_names(&self) -> Vec<&str> {
        self.form.iter().map(|(name, _)| name).collect()
    }
}

/// Writes down each request and lets the endpoint's fault happen.
pub async fn layer(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let Some(endpoint) = Endpoint::of(request.uri().path()) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let fault = {
        let mut inner = state.lock();
        inner.received.push(Received {
            endpoint,
            headers: parts.headers.clone(),
            form: Fields::parse(&body),
        });
        inner.faults.get(&endpoint).cloned()
    };
    let usual = next.run(Request::from_parts(parts, Body::from(body)));

    match fault {
        None => usual.await,
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay).await;
            usual.await
        }
        Some(Fault::Patch(changes)) => patch(usual.await, &changes).await,
        Some(Fault::Status(status)) => http::json(
            StatusCode::from_u16(status).expect("a test names an existing status"),
            &json!({ "message": "Out of order" }),
        ),
        Some(Fault::Error(code)) => http::json(
            if endpoint == Endpoint::GitHubToken {
                StatusCode::OK
            } else {
                StatusCode::BAD_REQUEST
            },
            &json!({ "error": code, "error_description": "As the test asked." }),
        ),
        Some(Fault::Garbage) => http::answer(StatusCode::OK, http::JSON, "<html>{\"id\":"),
        Some(Fault::Body(body)) => http::json(StatusCode::OK, &body),
        Some(Fault::Redirect) => http::redirect(&format!("{}/elsewhere", state.url)),
        Some(Fault::Disconnect) => {
            let broken = stream::iter([
                Ok(Bytes::from_static(b"{\"access_token\":")),
                Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            ]);
            http::answer(StatusCode::OK, http::JSON, Body::from_stream(broken))
        }
    }
}

async fn patch(usual: Response, changes: &Value) -> Response {
    let status = usual.status();
    let body = to_bytes(usual.into_body(), usize::MAX)
        .await
        .unwrap_or_default();
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
    merge(&mut body, changes);
    http::json(status, &body)
}

/// Puts the members of `changes` into `object`; a null takes the member out.
pub fn merge(object: &mut Value, changes: &Value) {
    let (Some(object), Some(changes)) = (object.as_object_mut(), changes.as_object()) else {
        return;
    };
    for (name, value) in changes {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}
