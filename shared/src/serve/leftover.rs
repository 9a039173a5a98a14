//! The part of a request's body that the handler has not read.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// Maximum number of bytes that are read before the response.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of bytes that are read after the response. The connection is closed then.
const MAX_BYTES_AFTERWARDS: usize = 64 * 1024 * 1024;
/// Maximum duration of each of the two reads.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Receives a body that is dropped before its end.
#[derive(Clone, Default)]
pub(super) struct Leftover(Arc<Mutex<Option<Incoming>>>);

impl Leftover {
    /// Returns the body for the handler.
    pub fn watch(&self, body: Incoming) -> WatchedBody {
        WatchedBody {
            body: Some(body),
            leftover: self.clone(),
        }
    }

    /// Takes the rest of the body, if there is one.
    pub fn take(&self) -> Option<Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A request's body. If it is dropped before its end, the server can read the rest.
pub(super) struct WatchedBody {
    /// `None` only while it is dropped.
    body: Option<Incoming>,
    leftover: Leftover,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            let mut leftover = self
                .leftover
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *leftover = Some(body);
        }
    }
}

/// Reads the rest of a body within bounds. Returns whether its end was reached. If not, reading goes on in the
/// background, within bounds, so that the sender can read the response.
pub(super) async fn drain(mut body: Incoming) -> bool {
    if discard(&mut body, MAX_BYTES).await {
        return true;
    }
    tokio::spawn(async move { discard(&mut body, MAX_BYTES_AFTERWARDS).await });
    false
}

async fn discard(body: &mut Incoming, mut bytes: usize) -> bool {
    let read = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return true };
            let length = frame.data_ref().map_or(0, Bytes::len);
            bytes = bytes.saturating_sub(length);
            if bytes == 0 {
                return body.is_end_stream();
            }
        }
        true
    };
    timeout(TIME_LIMIT, read).await.unwrap_or(false)
}
