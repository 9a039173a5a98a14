//! The migrate function: a CloudFormation custom resource that applies the migrations before new code takes traffic, and
//! the scheduled job that removes expired rows.

pub mod cloudformation;
mod database;
mod once;
mod role;
mod scram;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};

use futures_util::{FutureExt, TryFutureExt};
use lambda_runtime::LambdaEvent;
use migrations::{Outcome, retention::RemovedRows};
use platform::{
    config::{StorageConfig, Variables},
    secrets,
    telemetry::{self, TelemetryConfig},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::migrate::Migrator;

use cloudformation::{DatabaseState, RequestType, ResourceRequest, TIME_TO_RESPOND};
pub use database::{migrate, sweep};
pub use once::{Job, run};

/// Time that a scheduled job reserves to end and to report.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// An event: a scheduled job, as `{"task": "sweep"}`, or the request of a custom resource.
#[derive(Deserialize)]
#[serde(untagged)]
enum MigrateEvent {
    Scheduled { task: Task },
    Resource(Box<ResourceRequest>),
}

/// The scheduled jobs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Task {
    /// Removes expired rows.
    Sweep,
}

/// Serves the requests of a Lambda runtime.
pub fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // The handler reports a failure to CloudFormation.
        let config = TelemetryConfig::read(&Variables::of_environment());
        let _telemetry = config.as_ref().map(telemetry::init);
        let migrator = migrations::migrator();
        let handler = lambda_runtime::service_fn(|invocation: LambdaEvent<MigrateEvent>| {
            let left = invocation
                .context
                .deadline()
                .duration_since(SystemTime::now())
                .unwrap_or_default();
            let init_error = config.as_ref().err().map(ToString::to_string);
            handle(invocation.payload, left, &migrator, init_error)
                .map_err(lambda_runtime::Error::from)
        });
        lambda_runtime::run(handler)
            .await
            .map_err(|error| anyhow::anyhow!(error))
    })
}

async fn handle(
    event: MigrateEvent,
    left: Duration,
    migrator: &Migrator,
    init_error: Option<String>,
) -> anyhow::Result<Value> {
    // Secrets are read here and not at init, so that a failure is reported to CloudFormation.
    let load = async || {
        if let Some(reason) = init_error {
            anyhow::bail!(reason);
        }
        secrets::load(StorageConfig::SECRETS).await
    };
    match event {
        MigrateEvent::Resource(request) => {
            let state = state(&Variables::of_environment(), migrator);
            respond(&request, left, &state, async |limit| {
                migrate(&load().await?, migrator, limit, request.rotates()).await
            })
            .await?;
            Ok(Value::Null)
        }
        MigrateEvent::Scheduled { task: Task::Sweep } => {
            let limit = left.saturating_sub(TIME_TO_END);
            let removed = sweep(&load().await?, limit).await.inspect_err(|error| {
                tracing::error!(
                    reason = %format_args!("{error:#}"),
                    "expired rows cannot be removed"
                );
            })?;
            tracing::info!(outcome = %removed, "done");
            Ok(report(&removed))
        }
    }
}

/// Returns the result of a sweep, for callers that invoke the function manually.
fn report(removed: &RemovedRows) -> Value {
    let counts: Map<String, Value> = removed
        .counts
        .iter()
        .map(|(kind, count)| ((*kind).to_owned(), (*count).into()))
        .collect();
    json!({ "removed": counts, "unfinished": removed.unfinished })
}

/// Returns the state of the configured database after all migrations.
fn state(environment: &Variables, migrator: &Migrator) -> DatabaseState {
    let newest = migrator.iter().map(|migration| migration.version).max();
    let database = environment.get("DATABASE_SECRET_ID").unwrap_or_default();
    DatabaseState {
        newest: newest.unwrap_or_default(),
        database: database.to_owned(),
    }
}

/// Runs the requested work and sends the result to CloudFormation, also after a failure or a panic. Responds before the
/// time `left` has passed. `work` receives its own time limit.
///
/// A failure counts as a success if the database is already in this `state` or in a newer one. Otherwise a stack could not
/// roll back while its database is down.
pub async fn respond(
    request: &ResourceRequest,
    left: Duration,
    state: &DatabaseState,
    work: impl AsyncFnOnce(Duration) -> anyhow::Result<Outcome>,
) -> anyhow::Result<()> {
    let result = match request.request_type {
        // A deletion keeps the tables and their data.
        RequestType::Delete => Ok("a deletion does not change the database".to_owned()),
        RequestType::Create | RequestType::Update => {
            let result = bounded(left.saturating_sub(TIME_TO_RESPOND), work).await;
            match result {
                Err(reason) if request.has_left(state) && !request.rotates() => {
                    tracing::warn!(reason, "nothing is to do, and the database was not checked");
                    Ok(format!("there was nothing to do: {reason}"))
                }
                result => result,
            }
        }
    };
    match &result {
        Ok(outcome) => tracing::info!(request = ?request.request_type, outcome, "done"),
        Err(reason) => {
            tracing::error!(request = ?request.request_type, reason, "the migrations failed");
        }
    }
    request.respond(&result, state).await
}

/// Runs the work within the limit. Returns a sentence about the outcome or the reason of the failure.
async fn bounded(
    limit: Duration,
    work: impl AsyncFnOnce(Duration) -> anyhow::Result<Outcome>,
) -> Result<String, String> {
    let work = AssertUnwindSafe(work(limit)).catch_unwind();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(Ok(outcome))) => Ok(sentence(&outcome)),
        Ok(Ok(Err(error))) => Err(format!("{error:#}")),
        Ok(Err(_)) => Err("the program panicked; its log has the location".to_owned()),
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
