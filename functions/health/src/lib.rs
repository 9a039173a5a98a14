//! The health function: greeting, health, statistics, metrics, the OpenAPI document and its viewer. It also responds with
//! 404 to every path that no other group has.

mod checks;
mod config;
mod docs;
mod greeting;
mod health;
mod metrics;
mod queries;
mod sentry;
mod state;
mod stats;

use checks::Services;
use health::{Health, HealthDetails, Readiness};
use shared::{
    AppState,
    http::{Api, Cache, RateClass, get, topic},
    serve::Group,
};

pub use state::HealthState;

/// The group's routes.
pub fn api() -> Api<HealthState> {
    const MONITORS: &str = "load balancers and monitors have no account";
    const SENTRY: &str =
        "operators test Sentry with a browser; SENTRY_TEST_ROUTES=off disables the routes";
    const CONTRACT: &str = "the contract is public";
    let routes = [
        get("getMetrics", "/metrics", metrics::show)
            .summary("Returns metrics in Prometheus's text format")
            .description(
                "For the metrics token, an admin, or an admin's API key with the `metrics` scope.",
            )
            .metrics_only()
            .counted_as(RateClass::Unlimited)
            .cached(Cache::Never)
            .media(200, "text/plain"),
        get("getGreeting", "/", greeting::show)
            .summary("Returns a greeting")
            .public("the greeting contains no data")
            .counted_as(RateClass::Unlimited),
        get("getHealth", "/health", health::show)
            .summary("Reports whether the service is up")
            .description(
                "Checks nothing and returns two fields. With `details=true`, checks every service that the API uses, and \
                 returns 503 if the database is unhealthy.",
            )
            .public(MONITORS)
            .counted_as(RateClass::Unlimited)
            .cached(Cache::Never)
            .json_either::<Health, HealthDetails>(200)
            .may_lack::<Services>(&["storage"])
            .json::<HealthDetails>(503),
        get("getLiveness", "/health/live", health::live)
            .summary("Reports whether the process responds")
            .public(MONITORS)
            .counted_as(RateClass::Unlimited)
            .cached(Cache::Never),
        get("getReadiness", "/health/ready", health::ready)
            .summary("Reports whether requests may be sent here")
            .public(MONITORS)
            .counted_as(RateClass::Unlimited)
            .cached(Cache::Never)
            .json::<Readiness>(200)
            .json::<Readiness>(503),
        get("testSentry", "/sentry-test", sentry::test)
            .summary("Sends a test event to Sentry")
            .public(SENTRY)
            .counted_as(RateClass::Sentry)
            .cached(Cache::Never)
            .media(200, "text/html")
            .fails(&[404]),
        get("testSentryError", "/sentry-error", sentry::error)
            .summary("Fails on purpose, so that Sentry receives an error")
            .public(SENTRY)
            .counted_as(RateClass::Sentry)
            .cached(Cache::Never)
            .fails(&[404]),
        get("getStats", "/stats", stats::show)
            .summary("Counts users, projects, comments and likes")
            .public("the landing page shows these four numbers")
            .cached_in_redis(),
        get("getOpenApi", "/openapi.json", docs::document)
            .summary("Returns this documentation as an OpenAPI document")
            .public(CONTRACT)
            .counted_as(RateClass::Unlimited)
            .json_object(200),
        get("getDocs", "/docs", docs::viewer)
            .summary("Shows this documentation")
            .public(CONTRACT)
            .media(200, "text/html"),
    ];
    Api::new(
        "health",
        "Health, metrics, statistics and this document",
        topic("Service", routes),
    )
    .connecting_late()
    .secrets(&[
        "DO_SPACES_BUCKET",
        "DO_SPACES_REGION",
        "METRICS_TOKEN",
        "MEILI_HOST",
        "S3_BUCKET",
        "S3_ENDPOINT",
        "S3_REGION",
        "SENTRY_TEST_ROUTES",
    ])
}

/// The group, as a program serves it. It records the requests of the whole program.
pub fn group() -> Group {
    Group::new(api(), |app| {
        metrics::record()?;
        Ok(HealthState::new(app))
    })
}

/// The group's router.
pub fn router(app: AppState) -> axum::Router {
    api().router(HealthState::new(app))
}
