//! Prometheus metrics: gauges of the whole deployment, from the database, and the requests of this process.

use std::time::Duration;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use metrics::{describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use shared::{AppState, http::Result, serve::under_lambda, telemetry};
use tokio::{sync::OnceCell, task::spawn_blocking, time::MissedTickBehavior};

use crate::queries::{self, RowCounts};

/// Text format 0.0.4 of Prometheus.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the histograms' buckets, in seconds: those of Prometheus's own clients.
const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Interval at which measurements are sorted into buckets. A request for the metrics sorts them, too.
const UPKEEP: Duration = Duration::from_secs(30);

/// Delay between the start of an instance under Lambda and the creation of its recorder.
const SETTLED: Duration = Duration::from_millis(100);

/// Metrics of this process. A process has only one recorder.
static PROCESS: OnceCell<PrometheusHandle> = OnceCell::const_new();

/// Starts to record the requests of this process. Call it once, in a Tokio runtime.
///
/// The creation of a recorder is the slowest step of a start, because it calibrates the processor's clock. Under Lambda,
/// where nothing scrapes an instance, the recorder is created in the background a moment later.
///
/// # Errors
/// If the process has a recorder already. Under Lambda, this error is logged instead.
pub fn record() -> anyhow::Result<()> {
    if under_lambda() {
        tokio::spawn(async {
            tokio::time::sleep(SETTLED).await;
            match process().await {
                Ok(handle) => upkeep(handle.clone()).await,
                Err(error) => tracing::error!(%error, "the metrics are not recorded"),
            }
        });
    } else {
        let handle = make()?;
        PROCESS.set(handle.clone())?;
        tokio::spawn(upkeep(handle));
    }
    Ok(())
}

async fn process() -> anyhow::Result<&'static PrometheusHandle> {
    PROCESS
        .get_or_try_init(|| async { spawn_blocking(make).await? })
        .await
}

fn make() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    telemetry::describe_metrics("health", "/metrics");
    Ok(handle)
}

async fn upkeep(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP);
    // After a freeze, one tick replaces all missed ones.
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}

/// `GET /metrics`
pub async fn show(State(app): State<AppState>) -> Result<Response> {
    let totals = queries::count_all(&app.db).await?;
    let mut text = database_gauges(&totals);
    if under_lambda() || PROCESS.initialized() {
        text.push_str(&process().await?.render());
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// Renders the totals with a separate recorder, so that the recorder of the process does not keep outdated figures.
fn database_gauges(totals: &RowCounts) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    with_local_recorder(&recorder, || {
        describe_gauge!("codecave_users", "Users");
        gauge!("codecave_users").set(float(totals.users));
        describe_gauge!("codecave_projects", "Projects");
        gauge!("codecave_projects", "visibility" => "public").set(float(totals.public_projects));
        gauge!("codecave_projects", "visibility" => "private").set(float(totals.private_projects));
        describe_gauge!("codecave_comments", "Comments");
        gauge!("codecave_comments").set(float(totals.comments));
        describe_gauge!("codecave_likes", "Likes");
        gauge!("codecave_likes").set(float(totals.likes));
        describe_gauge!("codecave_follows", "Follows");
        gauge!("codecave_follows").set(float(totals.follows));
        describe_gauge!("codecave_sessions_active", "Sessions that have not expired");
        gauge!("codecave_sessions_active").set(float(totals.sessions_active));
        describe_gauge!("codecave_files", "Files by status");
        gauge!("codecave_files", "status" => "ready").set(float(totals.ready_files));
        gauge!("codecave_files", "status" => "pending").set(float(totals.pending_files));
        describe_gauge!(
            "codecave_objects_to_remove",
            "Objects of deleted files that are still in the bucket"
        );
        gauge!("codecave_objects_to_remove").set(float(totals.objects_to_remove));
        describe_gauge!(
            "codecave_database_connections",
            "Connections to the database"
        );
        for (state, count) in &totals.connections.0 {
            gauge!("codecave_database_connections", "state" => state.clone()).set(float(*count));
        }
    });
    handle.render()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 rows")]
fn float(count: i64) -> f64 {
    count as f64
}
