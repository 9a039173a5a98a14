//! What whoever is on call finds: one log line a request, metrics, and Sentry events; none of it waited for by a caller.

mod flush;
mod init;
mod log;
mod request;
mod scrub;
mod spans;

pub use flush::Flush;
pub use init::{Guard, Settings, init};
pub use request::{Observed, Outcome};
pub use spans::{Span, is_on, sentry_test, span};

/// Why a request failed, on its way from the error to the request's log line and its Sentry event.
#[derive(Clone, Debug)]
pub struct Cause(pub std::sync::Arc<anyhow::Error>);
