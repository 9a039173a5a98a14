//! Serves a group: under Lambda if a Lambda runtime started the process, otherwise as plain HTTP.

mod flush_extension;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use axum::{Router, extract::FromRef};
use lambda_http::{Adapter, lambda_runtime::Runtime};
pub use platform::config::under_lambda;
use platform::{
    db::Db,
    secrets,
    telemetry::{self, TelemetryConfig},
};

use self::flush_extension::FlushExtension;
use crate::{http::Api, state::AppState};

/// Runs a group whose handlers need only [`AppState`].
pub fn run(api: Api) -> anyhow::Result<()> {
    run_with(api, |_, app| Ok(app))
}

/// Runs a group with a state of its own, which `state` creates at init.
pub fn run_with<S>(
    api: Api<S>,
    state: impl FnOnce(&Api<S>, AppState) -> anyhow::Result<S>,
) -> anyhow::Result<()>
where
    S: Clone + Send + Sync + 'static,
    AppState: FromRef<S>,
{
    // An instance serves one request at a time under Lambda, so one thread is enough. It is also a third faster there.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let variables = secrets::load(api.secret_names()).await?;
        let _telemetry = telemetry::init(&TelemetryConfig::read(&variables)?);
        let port = variables.parsed("PORT", 3001)?;
        let app = AppState::new(variables, api.required_names(), api.secret_names())?;
        let db = (!api.connects_late()).then(|| app.db.clone());
        if let Some(redis) = &app.redis {
            redis.warm_up();
        }
        let state = state(&api, app)?;
        let router = api.router(state);
        if under_lambda() {
            serve_lambda(router, db).await
        } else {
            serve_http(router, port).await
        }
    })
}

async fn serve_lambda(router: Router, db: Option<Db>) -> anyhow::Result<()> {
    // Without Sentry there is nothing to send after a response, and no extension.
    let extension = if telemetry::is_on() {
        Some(FlushExtension::register().await?)
    } else {
        None
    };
    // The connection opens while the runtime starts.
    let warm_up = db.map(|db| tokio::spawn(async move { db.warm_up().await }));
    let runtime = Runtime::new(Adapter::from(router));
    let result = match extension {
        None => runtime.run().await,
        // Lambda ends an instance that has extensions by SIGTERM. Then the rest of Sentry's queue is sent.
        Some(extension) => tokio::select! {
            result = runtime.layer(extension).run() => result,
            () = stopped() => Ok(()),
        },
    };
    if let Some(warm_up) = warm_up {
        warm_up.abort();
    }
    result.map_err(|error| anyhow::anyhow!(error))
}

async fn serve_http(router: Router, port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("port {port} cannot be used"))?;
    tracing::info!(%address, "listening");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stopped())
        .await?;
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
