//! The middleware that records requests and applies faults.

use std::io;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};

use crate::{
    fault::{Endpoint, Fault, Received},
    http::{self, Fields, merge},
    state::Shared,
};

/// Records each request, and applies the fault of its endpoint if one is set.
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
