//! The time that a client takes to send the head of a request.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::sleep,
};

/// Maximum time from the first byte of a request to the end of its head.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Interval in which the time is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Default)]
enum Phase {
    #[default]
    Idle,
    Head(Instant),
    Serving,
}

/// Measures the head of the current request of a connection.
#[derive(Default)]
pub(super) struct HeadClock(Mutex<Phase>);

impl HeadClock {
    /// Records that the head is complete.
    pub fn serving(&self) {
        self.set(Phase::Serving);
    }

    /// Records that the response has been sent.
    pub fn idle(&self) {
        self.set(Phase::Idle);
    }

    /// Completes once a head has taken too long.
    pub async fn expired(&self) {
        loop {
            sleep(CHECK_INTERVAL).await;
            if let Phase::Head(since) = self.phase()
                && since.elapsed() > TIME_LIMIT
            {
                return;
            }
        }
    }

    fn received(&self) {
        if let Phase::Idle = self.phase() {
            self.set(Phase::Head(Instant::now()));
        }
    }

    fn phase(&self) -> Phase {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }
}

/// A connection that starts the clock with the first byte of a request.
pub(super) struct WatchedStream {
    stream: TcpStream,
    clock: Arc<HeadClock>,
}

impl WatchedStream {
    pub fn new(stream: TcpStream, clock: Arc<HeadClock>) -> Self {
        Self { stream, clock }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.clock.received();
        }
        read
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
