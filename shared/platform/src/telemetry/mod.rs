//! Log lines, metrics and Sentry events. A request never waits for them to be sent.

mod baggage;
mod cause;
mod config;
mod current;
mod embedded_metrics;
mod flush;
mod init;
mod json;
mod log;
mod losses;
mod metrics;
mod outbox;
mod request;
mod scrub;
mod spans;
mod statement_text;
mod statements;
mod summary;
mod transport;

pub use cause::{Cause, Panic};
pub use config::TelemetryConfig;
pub use current::{set_route, set_user};
pub use flush::flush;
pub use init::{TelemetryGuard, init};
pub use metrics::describe_metrics;
pub use request::{ObservedRequest, RequestOutcome};
pub use spans::{Span, is_on, sentry_test, span, statement_span};
pub use statements::{DatabaseUsage, measured, record_session, record_statement};
