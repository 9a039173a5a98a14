//! Two routes with which operators test Sentry.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{Html, IntoResponse, Response},
};
use shared::{
    AppState,
    http::{Error, no_route},
    telemetry,
};

use crate::config::HealthConfig;

/// `GET /sentry-test`
pub async fn test(
    State(app): State<AppState>,
    State(config): State<Arc<HealthConfig>>,
    request: Request,
) -> Response {
    if !config.sentry_test_routes {
        return no_route(&request);
    }
    telemetry::sentry_test(&app.config.environment);
    Html("Sentry test completed - check your Sentry dashboard!").into_response()
}

/// `GET /sentry-error`
pub async fn error(State(config): State<Arc<HealthConfig>>, request: Request) -> Response {
    if !config.sentry_test_routes {
        return no_route(&request);
    }
    Error::Internal(anyhow::anyhow!("This is a test error for Sentry!")).into_response()
}
