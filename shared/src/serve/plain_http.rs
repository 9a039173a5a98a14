//! Plain HTTP for containers and hosts: many threads, bounded connections, timeouts, and an orderly end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, header},
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::{
    head_clock::{HeadClock, WatchedStream},
    leftover::{Leftover, drain},
};

/// An idle connection is closed after this time. It is longer than the 60 s for which proxies keep connections, so that
/// no proxy sends a request on a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// At the end, requests that are being served have this time. It is longer than the limit of a request.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause after a failure to accept a connection, for example because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stopped` completes and all requests are answered. At most `max_connections` are open at a time; further
/// ones wait until they are accepted.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: u32,
    stopped: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(
        usize::try_from(max_connections).unwrap_or(Semaphore::MAX_PERMITS),
    ));
    let (stop, stopping) = watch::channel(false);
    let mut stopped = pin!(stopped);
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await;
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                tokio::spawn(async move {
                    serve_connection(stream, peer, router, stopping).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let ended = slots.acquire_many(max_connections);
    if timeout(SHUTDOWN_TIMEOUT, ended).await.is_err() {
        tracing::warn!("requests were still running at the end");
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let clock = Arc::new(HeadClock::default());
    let stream = WatchedStream::new(stream, clock.clone());
    let service = service_fn({
        let clock = clock.clone();
        move |request| {
            clock.serving();
            let (router, clock) = (router.clone(), clock.clone());
            async move {
                let response = respond(router, peer, request).await;
                clock.idle();
                Ok::<_, Infallible>(response)
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection has ended");
                }
                return;
            }
            () = clock.expired() => return,
            _ = stopping.wait_for(|stopping| *stopping), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Responds to a request. First reads the part of the body that the handler has not read, within bounds. Otherwise a
/// client that is still sending would see a closed connection instead of the response.
async fn respond(router: Router, peer: SocketAddr, request: Request<Incoming>) -> Response {
    // A client that sent `Expect: 100-continue` waits for a response before it sends the body.
    let waits = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let leftover = Leftover::default();
    let mut request = Request::from_parts(parts, Body::new(leftover.watch(body)));
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(rest) = leftover.take().filter(|_| !waits)
        && !drain(rest).await
    {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
