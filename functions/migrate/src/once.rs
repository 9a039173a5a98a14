//! The jobs of this function without an event: for containers and plain hosts.

use std::time::Duration;

use platform::{
    config::StorageConfig,
    secrets,
    telemetry::{self, TelemetryConfig},
};

use crate::{migrate, sentence, sweep};

/// Maximum time of a job. It is Lambda's limit, so that a job has the same time everywhere.
const TIME_LIMIT: Duration = Duration::from_mins(15);

/// A job that a program does once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Applies the migrations that the database lacks.
    Migrate,
    /// Removes expired rows, and the objects of deleted files.
    Sweep,
}

/// Does the job and returns.
///
/// # Errors
/// The configuration is malformed, the database cannot be reached, or the job fails. The error is logged, too.
pub fn run(job: Job) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let variables = secrets::load(StorageConfig::SECRETS).await?;
        let _telemetry = telemetry::init(&TelemetryConfig::read(&variables)?);
        let outcome = match job {
            Job::Migrate => migrate(&variables, &migrations::migrator(), TIME_LIMIT, false)
                .await
                .map(|outcome| sentence(&outcome)),
            Job::Sweep => sweep(&variables, TIME_LIMIT)
                .await
                .map(|removed| removed.to_string()),
        };
        match outcome {
            Ok(outcome) => {
                tracing::info!(?job, outcome, "done");
                Ok(())
            }
            Err(error) => {
                tracing::error!(?job, reason = %format_args!("{error:#}"), "the job failed");
                Err(error)
            }
        }
    })
}
