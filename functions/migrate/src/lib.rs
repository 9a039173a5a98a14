//! The migrate function: a CloudFormation custom resource that applies the migrations before new code takes traffic.

pub mod cloudformation;
mod database;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};

use futures_util::{FutureExt, TryFutureExt};
use lambda_runtime::LambdaEvent;
use migrations::Outcome;
use platform::{
    config::Variables,
    secrets,
    telemetry::{self, TelemetryConfig},
};
use sqlx::migrate::Migrator;

use cloudformation::{Event, RequestType, TIME_TO_ANSWER};
pub use database::migrate;

/// Serves a Lambda runtime.
pub fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // A failure here, too, is for the handler to answer.
        let config = TelemetryConfig::read(&Variables::of_environment());
        let _telemetry = config.as_ref().map(telemetry::init);
        let migrator = migrations::migrator();
        let handler = lambda_runtime::service_fn(|invocation: LambdaEvent<Event>| {
            let left = invocation
                .context
                .deadline()
                .duration_since(SystemTime::now())
                .unwrap_or_default();
            let failed = config.as_ref().err().map(ToString::to_string);
            handle(invocation.payload, left, &migrator, failed).map_err(lambda_runtime::Error::from)
        });
        lambda_runtime::run(handler)
            .await
            .map_err(|error| anyhow::anyhow!(error))
    })
}

/// `failed` tells what went wrong at init.
async fn handle(
    event: Event,
    left: Duration,
    migrator: &Migrator,
    failed: Option<String>,
) -> anyhow::Result<()> {
    respond(&event, left, async |limit| {
        if let Some(reason) = failed {
            anyhow::bail!(reason);
        }
        // Here and not at init, so that a failure is answered.
        let variables = secrets::load(&[]).await?;
        migrate(&variables, migrator, limit).await
    })
    .await
}

/// Does the work that the event asks for and tells CloudFormation how it went: whatever happens, and before the time that is
/// `left` is over. `work` is told how much of it it has.
pub async fn respond(
    event: &Event,
    left: Duration,
    work: impl AsyncFnOnce(Duration) -> anyhow::Result<Outcome>,
) -> anyhow::Result<()> {
    let result = match event.request_type {
        // Migrations only add. What they made stays, with what people wrote into it.
        RequestType::Delete => Ok("nothing is taken back".to_owned()),
        RequestType::Create | RequestType::Update => {
            bounded(left.saturating_sub(TIME_TO_ANSWER), work).await
        }
    };
    match &result {
        Ok(outcome) => tracing::info!(request = ?event.request_type, outcome, "done"),
        Err(reason) => {
            tracing::error!(request = ?event.request_type, reason, "the migrations failed");
        }
    }
    event.answer(&result).await
}

/// The outcome or the reason for its lack, in a sentence.
async fn bounded(
    limit: Duration,
    work: impl AsyncFnOnce(Duration) -> anyhow::Result<Outcome>,
) -> Result<String, String> {
    let work = AssertUnwindSafe(work(limit)).catch_unwind();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(Ok(outcome))) => Ok(sentence(&outcome)),
        Ok(Ok(Err(error))) => Err(format!("{error:#}")),
        Ok(Err(_)) => Err("the program panicked; its log says where".to_owned()),
        Err(_) => Err(format!("not done within {} s", limit.as_secs())),
    }
}

fn sentence(outcome: &Outcome) -> String {
    let mut sentence = match outcome.applied.as_slice() {
        [] => "the database had all migrations".to_owned(),
        applied => {
            let names: Vec<_> = applied
                .iter()
                .map(|(version, description)| format!("{version} {description}"))
                .collect();
            format!("applied {}", names.join(", "))
        }
    };
    if !outcome.unknown.is_empty() {
        sentence.push_str("; the database has newer ones, too");
    }
    sentence
}
