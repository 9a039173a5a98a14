//! This group's part of the OpenAPI document.

use shared::openapi::{Operation, boolean};

use crate::{
    health::{Health, HealthDetails, Readiness},
    stats::Stats,
};

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/", "getGreeting")
            .summary("Say hello")
            .media(200, "text/html"),
        Operation::get("/health", "getHealth")
            .summary("Whether the service is up")
            .description(
                "Two keys, and nothing is looked at. With `details=true` all that the service uses is checked: 200 \
                 where the database is well, else 503.",
            )
            .query("details", "Check everything", boolean())
            .json_either::<Health, HealthDetails>(200)
            .json::<HealthDetails>(503),
        Operation::get("/health/live", "getLiveness")
            .summary("Whether the process answers")
            .json::<Health>(200),
        Operation::get("/health/ready", "getReadiness")
            .summary("Whether requests may be sent here")
            .json::<Readiness>(200)
            .json::<Readiness>(503),
        Operation::get("/sentry-test", "testSentry")
            .summary("Send Sentry a test event")
            .media(200, "text/html")
            .fails(&[404]),
        Operation::get("/sentry-error", "testSentryError")
            .summary("Fail, so that Sentry hears of it")
            .fails(&[404]),
        Operation::get("/stats", "getStats")
            .summary("Four numbers for the landing page")
            .json::<Stats>(200),
        Operation::get("/metrics", "getMetrics")
            .summary("Prometheus metrics")
            .description("For the metrics token, an admin, or an admin's API key with the `metrics` scope.")
            .media(200, "text/plain"),
        Operation::get("/openapi.json", "getOpenApi")
            .summary("This document")
            .json_as(200, shared::openapi::object()),
        Operation::get("/docs", "getDocs")
            .summary("A page to read and try this document")
            .media(200, "text/html"),
    ]
}
