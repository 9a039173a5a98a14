//! Starts logging and, where there is a DSN, Sentry.

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

use super::{flush, json::JsonLines, log, scrub, spans, transport};
use crate::config::{Variables, under_lambda};

/// How long the last events may take when the process ends.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// What telemetry is configured by.
#[derive(Clone, Debug)]
pub struct Settings {
    dsn: Option<String>,
    release: String,
    environment: String,
    sample_rate: f32,
    traces_sample_rate: f32,
    send_pii: bool,
    log_filter: Targets,
    server_timing: bool,
}

impl Settings {
    /// Reads `SENTRY_DSN`, `SENTRY_RELEASE`, `SENTRY_ENVIRONMENT`, `SENTRY_SAMPLE_RATE` (default 1),
    /// `SENTRY_TRACES_SAMPLE_RATE` (default 0.1), `SENTRY_SEND_PII`, `RUST_LOG` (default `info`) and `SERVER_TIMING`.
    pub fn read(variables: &Variables) -> anyhow::Result<Self> {
        let dsn = variables.get("SENTRY_DSN").map(str::to_owned);
        if let Some(dsn) = &dsn {
            let parsed = dsn.parse::<sentry::types::Dsn>();
            // The parser's words may quote the key.
            anyhow::ensure!(parsed.is_ok(), "the value of SENTRY_DSN is not a DSN");
        }
        let environment = variables.get("NODE_ENV").unwrap_or("development");
        Ok(Self {
            dsn,
            release: variables.get("SENTRY_RELEASE").map_or_else(
                || format!("codecave@{}", env!("CARGO_PKG_VERSION")),
                str::to_owned,
            ),
            environment: variables
                .get("SENTRY_ENVIRONMENT")
                .unwrap_or(environment)
                .to_owned(),
            sample_rate: rate(variables, "SENTRY_SAMPLE_RATE", 1.0)?,
            traces_sample_rate: rate(variables, "SENTRY_TRACES_SAMPLE_RATE", 0.1)?,
            send_pii: variables.switch("SENTRY_SEND_PII", false)?,
            log_filter: variables
                .parsed("RUST_LOG", Targets::new().with_default(LevelFilter::INFO))?,
            server_timing: variables.switch("SERVER_TIMING", false)?,
        })
    }
}

fn rate(variables: &Variables, name: &str, default: f32) -> anyhow::Result<f32> {
    let rate = variables.parsed(name, default)?;
    anyhow::ensure!(
        (0.0..=1.0).contains(&rate),
        "the value of {name} must be from 0 to 1"
    );
    Ok(rate)
}

/// Keeps telemetry going; the last events are sent when it is dropped.
#[must_use = "telemetry ends when this is dropped"]
pub struct Guard {
    _sentry: Option<ClientInitGuard>,
}

/// Starts telemetry for the process. A second start in one process keeps the first one's log settings.
pub fn init(settings: &Settings, group: &'static str) -> Guard {
    let sentry = settings
        .dsn
        .as_deref()
        .map(|dsn| start_sentry(settings, dsn));
    // Lambda's standard output is no terminal; that of its emulator may be.
    let text = std::io::stdout().is_terminal();
    log::set_form(
        text,
        &settings.log_filter,
        under_lambda() && !text,
        settings.server_timing,
    );

    let format: Box<dyn Layer<Registry> + Send + Sync> = if text {
        layer()
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .boxed()
    } else {
        JsonLines.boxed()
    };
    let filtered = format.with_filter(settings.log_filter.clone());
    let to_sentry = sentry.is_some().then(|| {
        layers::BreadcrumbLayer::new()
            .and_then(layers::LogLayer::new())
            .with_filter(
                Targets::new()
                    .with_default(LevelFilter::INFO)
                    // Requests are transactions there.
                    .with_target(log::TARGET, LevelFilter::OFF),
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
        spans::switch_on(group, settings.send_pii);
    }
    Guard { _sentry: sentry }
}

/// A field of a line on a terminal, with nothing in it that must not leave.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    if field.name() == "message" {
        return write!(writer, "{}", scrub::text(&text));
    }
    let mut value = text.into();
    scrub::field(field.name(), &mut value);
    write!(writer, "{field}={}", value.as_str().unwrap_or_default())
}

fn start_sentry(settings: &Settings, dsn: &str) -> ClientInitGuard {
    sentry::init(
        ClientOptions::new()
            .dsn(dsn)
            .release(settings.release.clone())
            .environment(settings.environment.clone())
            .sample_rate(settings.sample_rate)
            .traces_sample_rate(settings.traces_sample_rate)
            .send_default_pii(settings.send_pii)
            // The instance's name tells nothing under Lambda.
            .server_name("codecave")
            .shutdown_timeout(SHUTDOWN)
            .transport(transport::Factory)
            .before_send(|event| Some(scrub::event(event)))
            .before_breadcrumb(|breadcrumb| Some(scrub::breadcrumb(breadcrumb)))
            .before_send_log(|log| {
                // Logs wait for others of their kind.
                flush::note_pending();
                Some(scrub::log(log))
            }),
    )
}
