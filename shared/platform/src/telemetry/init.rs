//! Starts logging and, if a DSN is configured, Sentry.

use std::{
    fmt::{self, Debug},
    io::IsTerminal,
    time::Duration,
};

use sentry::{ClientInitGuard, ClientOptions, integrations::tracing as layers};
use tracing::{field::Field, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    field::MakeExt,
    filter::Targets,
    fmt::{
        format::{Writer, debug_fn},
        layer,
    },
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::{
    config::TelemetryConfig,
    flush,
    json::JsonLines,
    log::{self, LogFormat},
    losses, scrub, spans, transport,
};
use crate::config::under_lambda;

/// Maximum time to send the last events when the process ends.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// Keeps telemetry running. Dropping it sends the last events.
#[must_use = "dropping it stops telemetry"]
pub struct TelemetryGuard {
    _sentry: Option<ClientInitGuard>,
}

/// Starts telemetry for the process. A second call in the same process keeps the first call's log settings.
pub fn init(config: &TelemetryConfig) -> TelemetryGuard {
    let sentry = config.dsn.as_deref().map(|dsn| start_sentry(config, dsn));
    // Standard output is never a terminal under Lambda. It may be one under an emulator.
    let text = std::io::stdout().is_terminal();
    log::set_format(LogFormat {
        text,
        successes: config
            .log_filter
            .would_enable(log::TARGET, &tracing::Level::INFO),
        failures: config
            .log_filter
            .would_enable(log::TARGET, &tracing::Level::ERROR),
        embedded_metrics: under_lambda() && !text,
        server_timing: config.server_timing,
    });

    let format: Box<dyn Layer<Registry> + Send + Sync> = if text {
        layer()
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .boxed()
    } else {
        JsonLines.boxed()
    };
    let filtered = format.with_filter(config.log_filter.clone());
    let to_sentry = sentry.is_some().then(|| {
        layers::BreadcrumbLayer::new()
            .and_then(layers::LogLayer::new())
            .with_filter(
                Targets::new()
                    .with_default(LevelFilter::INFO)
                    // Sentry receives requests as transactions.
                    .with_target(log::TARGET, LevelFilter::OFF)
                    // Lines about failures of Sentry are not sent to Sentry.
                    .with_target(losses::TARGET, LevelFilter::OFF),
            )
    });
    let started = tracing_subscriber::registry()
        .with(filtered)
        .with(to_sentry)
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string);
            let message = panic.payload_as_str().unwrap_or_default();
            tracing::error!(location, "panic: {message}");
        }));
    }
    if sentry.is_some() {
        spans::switch_on(config.send_pii);
    }
    TelemetryGuard { _sentry: sentry }
}

/// Writes a field of a line on a terminal, scrubbed.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    if field.name() == "message" {
        return write!(writer, "{}", scrub::text(&text));
    }
    let mut value = text.into();
    scrub::field(field.name(), &mut value);
    write!(writer, "{field}={}", value.as_str().unwrap_or_default())
}

fn start_sentry(config: &TelemetryConfig, dsn: &str) -> ClientInitGuard {
    sentry::init(
        ClientOptions::new()
            .dsn(dsn)
            .release(config.release.clone())
            .environment(config.environment.clone())
            .sample_rate(config.sample_rate)
            .traces_sample_rate(config.traces_sample_rate)
            .send_default_pii(config.send_pii)
            // Under Lambda, the host name identifies nothing.
            .server_name("codecave")
            .shutdown_timeout(SHUTDOWN)
            .transport(transport::Factory)
            .before_send(|event| Some(scrub::event(event)))
            .before_breadcrumb(|breadcrumb| Some(scrub::breadcrumb(breadcrumb)))
            .before_send_log(|log| {
                // The SDK sends logs in batches, so this log may still be unsent when the request ends.
                flush::note_pending();
                Some(scrub::log(log))
            }),
    )
}
