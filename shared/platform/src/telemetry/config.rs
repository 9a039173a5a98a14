//! The configuration of telemetry.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use crate::config::Variables;

/// The configuration of telemetry.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    pub(super) dsn: Option<String>,
    pub(super) release: String,
    pub(super) environment: String,
    pub(super) sample_rate: f32,
    pub(super) traces_sample_rate: f32,
    pub(super) send_pii: bool,
    pub(super) log_filter: Targets,
    pub(super) server_timing: bool,
}

impl TelemetryConfig {
    /// Reads `SENTRY_DSN`, `SENTRY_RELEASE`, `SENTRY_ENVIRONMENT`, `SENTRY_SAMPLE_RATE` (default 1),
    /// `SENTRY_TRACES_SAMPLE_RATE` (default 0.1), `SENTRY_SEND_PII`, `RUST_LOG` (default `info`) and `SERVER_TIMING`.
    pub fn read(variables: &Variables) -> anyhow::Result<Self> {
        let dsn = variables.get("SENTRY_DSN").map(str::to_owned);
        if let Some(dsn) = &dsn {
            let parsed = dsn.parse::<sentry::types::Dsn>();
            // The parser's message may quote the key.
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
