//! Serves a group or several: under Lambda if a Lambda runtime started the process, otherwise as plain HTTP.

pub mod event;
mod flush_extension;
mod group;
mod head_clock;
mod leftover;
mod plain_http;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use axum::Router;
use lambda_http::lambda_runtime::Runtime;
pub use platform::config::under_lambda;
use platform::{
    config::lambda_concurrency,
    db::Db,
    secrets,
    telemetry::{self, TelemetryConfig},
};
use tokio::runtime;

pub use self::group::Group;
use self::{event::EventService, flush_extension::FlushExtension, group::Groups};
use crate::state::AppState;

/// The port of plain HTTP unless `PORT` is set.
pub const DEFAULT_PORT: u16 = 3001;

/// Runs a program that serves these groups. Of several groups, the last one also receives the requests that belong to none.
pub fn run(groups: impl IntoIterator<Item = Group>) -> anyhow::Result<()> {
    let groups = Groups::new(groups);
    // An instance that serves one request at a time needs one thread, and is a third faster with it.
    let mut runtime = if under_lambda() && lambda_concurrency() == 1 {
        runtime::Builder::new_current_thread()
    } else {
        runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        let variables = secrets::load(groups.secret_names()).await?;
        let _telemetry = telemetry::init(&TelemetryConfig::read(&variables)?);
        let port = variables.parsed("PORT", DEFAULT_PORT)?;
        let max_connections = variables.parsed("HTTP_MAX_CONNECTIONS", 1024)?;
        anyhow::ensure!(
            max_connections > 0,
            "the value of HTTP_MAX_CONNECTIONS must be at least 1"
        );
        let app = AppState::new(variables, groups.required_names(), groups.secret_names())?;
        let db = app.db.clone();
        let warm_up = (!groups.connect_late()).then(|| db.clone());
        if let Some(redis) = &app.redis {
            redis.warm_up();
        }
        let router = groups.router(&app)?;
        drop(app);
        if under_lambda() {
            serve_lambda(router, warm_up).await
        } else {
            serve_http(router, port, max_connections).await?;
            db.close();
            Ok(())
        }
    })
}

async fn serve_lambda(router: Router, db: Option<Db>) -> anyhow::Result<()> {
    // The connection opens while the runtime starts.
    let warm_up = db.map(|db| tokio::spawn(async move { db.warm_up().await }));
    let result = if lambda_concurrency() > 1 {
        serve_concurrently(router).await
    } else {
        serve_one_by_one(router).await
    };
    if let Some(warm_up) = warm_up {
        warm_up.abort();
    }
    result
}

/// Serves several requests at a time, as Lambda Managed Instances do. Such an instance is not frozen between invocations, so
/// Sentry needs no extension.
async fn serve_concurrently(router: Router) -> anyhow::Result<()> {
    let served = Runtime::new(EventService(router)).run_concurrent();
    tokio::select! {
        result = served => result.map_err(|error| anyhow::anyhow!(error)),
        () = stopped() => Ok(()),
    }
}

async fn serve_one_by_one(router: Router) -> anyhow::Result<()> {
    // Without Sentry there is nothing to send after a response, and no extension.
    let extension = if telemetry::is_on() {
        Some(FlushExtension::register().await?)
    } else {
        None
    };
    let runtime = Runtime::new(EventService(router));
    let result = match extension {
        None => runtime.run().await,
        // Lambda ends an instance that has extensions by SIGTERM. Then the rest of Sentry's queue is sent.
        Some(extension) => tokio::select! {
            result = runtime.layer(extension).run() => result,
            () = stopped() => Ok(()),
        },
    };
    result.map_err(|error| anyhow::anyhow!(error))
}

async fn serve_http(router: Router, port: u16, max_connections: u32) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("port {port} cannot be used"))?;
    tracing::info!(%address, "listening");
    plain_http::serve(listener, router, max_connections, stopped()).await;
    Ok(())
}

/// Completes on Ctrl-C and on SIGTERM, which container platforms send.
async fn stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be awaited");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
