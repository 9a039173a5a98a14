//! Two routes with which operators test Sentry.

use axum::{
    extract::{Request, State},
    response::{Html, IntoResponse, Response},
};
use shared::{
    AppState,
    http::{Error, no_route},
    telemetry,
};

/// `GET /sentry-test`
pub async fn test(State(app): State<AppState>, request: Request) -> Response {
    if is_off(&app) {
        return no_route(&request);
    }
    telemetry::sentry_test(&app.config.environment);
    Html("Sentry test completed - check your Sentry dashboard!").into_response()
}

/// `GET /sentry-error`
pub async fn error(State(app): State<AppState>, request: Request) -> Response {
    if is_off(&app) {
        return no_route(&request);
    }
    Error::Internal(anyhow::anyhow!("This is a test error for Sentry!")).into_response()
}

fn is_off(app: &AppState) -> bool {
    // An invalid value disables the routes.
    !app.config
        .variables
        .switch("SENTRY_TEST_ROUTES", true)
        .unwrap_or(false)
}
