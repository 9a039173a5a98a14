//! Serves a group: under Lambda when there is a Lambda runtime, otherwise as plain HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use axum::{Router, extract::FromRef};
use lambda_http::{Adapter, lambda_runtime::Runtime};

pub use crate::config::under_lambda;
use crate::{
    AppState,
    db::Db,
    http::Api,
    secrets,
    telemetry::{self, Flush, Settings},
};

/// Runs a group whose handlers need nothing but [`AppState`].
pub fn run(api: Api) -> anyhow::Result<()> {
    run_with(api, |_, app| Ok(app))
}

/// Runs a group with a state of its own, which `state` makes at init.
pub fn run_with<S>(
    api: Api<S>,
    state: impl FnOnce(&Api<S>, AppState) -> anyhow::Result<S>,
) -> anyhow::Result<()>
where
    S: Clone + Send + Sync + 'static,
    AppState: FromRef<S>,
{
    // One request is served at a time under Lambda, so one thread does; it is also a third faster there.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let variables = secrets::load(api.secret_names()).await?;
        let _telemetry = telemetry::init(&Settings::read(&variables)?, api.name());
        let port = variables.parsed("PORT", 3001)?;
        let app = AppState::new(&api, variables)?;
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
    // With nothing to send after a response there is no extension.
    let flush = if telemetry::is_on() {
        Some(Flush::register().await?)
    } else {
        None
    };
    // Opening the connection overlaps with the runtime's own start.
    let warm_up = db.map(|db| tokio::spawn(async move { db.warm_up().await }));
    let runtime = Runtime::new(Adapter::from(router));
    let result = match flush {
        None => runtime.run().await,
        // Lambda ends an instance with extensions by SIGTERM; what Sentry has not taken yet is sent then.
        Some(flush) => tokio::select! {
            result = runtime.layer(flush).run() => result,
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

/// Ends on Ctrl-C and on SIGTERM, which container platforms send.
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
