//! Log lines of a test.

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Dispatch, Level,
    subscriber::{DefaultGuard, NoSubscriber},
};

/// Collects the lines that the current thread logs, until it is dropped.
pub struct Log {
    written: Written,
    _guard: DefaultGuard,
}

/// A second subscriber. With a single one, tracing caches for all threads whether a line is enabled, and the first thread
/// that reaches the line decides; in threads of other tests the line is disabled.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

impl Log {
    /// Starts to collect lines of this level and above.
    pub fn capture(level: Level) -> Self {
        LazyLock::force(&SECOND);
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Returns the lines since the last call.
    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.written.lock());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the audit lines since the last call.
    pub fn take_audit(&self) -> Vec<String> {
        self.take()
            .lines()
            .filter(|line| line.contains(" audit: "))
            .map(str::to_owned)
            .collect()
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
