//! The cause of a failed request.

use std::sync::Arc;

/// Why a request failed. The response carries it to the request's log line and Sentry event.
#[derive(Clone, Debug)]
pub struct Cause(pub Arc<anyhow::Error>);

/// The cause of a request that panicked.
#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
pub struct Panic(pub String);
