//! What whoever is on call finds: one log line a request, metrics, and Sentry events; none of it waited for by a caller.

mod baggage;
mod current;
mod flush;
mod init;
mod json;
mod log;
mod metrics;
mod request;
mod scrub;
mod slow;
mod spans;
mod transport;

pub use current::{set_route, set_user};
pub use flush::{Flush, Flushed};
pub use init::{Guard, Settings, init};
pub use metrics::describe_metrics;
pub use request::{Observed, Outcome};
pub use slow::slow_statement;
pub use spans::{Span, is_on, sentry_test, span, statement_span};

/// Why a request failed, on its way from the error to the request's log line and its Sentry event.
#[derive(Clone, Debug)]
pub struct Cause(pub std::sync::Arc<anyhow::Error>);

/// The cause of a request that panicked.
#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
pub struct Panic(pub String);
