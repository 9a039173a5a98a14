//! The health function: greeting, health, statistics, metrics, the OpenAPI document and its viewer; and the 404 of every
//! path that no other group has.

mod checks;
mod docs;
mod greeting;
mod health;
mod metrics;
pub mod openapi;
mod queries;
mod sentry;
mod state;
mod stats;

use shared::{
    AppState,
    http::{Api, Cache, Routes, Spend},
};

pub use metrics::record as record_metrics;
pub use state::HealthState;

/// The group's routes.
pub fn api() -> Api<HealthState> {
    let metrics = Routes::new()
        .get("/metrics", metrics::show)
        .metrics_only()
        .spends(Spend::Nothing)
        .cached(Cache::Never);
    Api::new("health", metrics)
        .connecting_late()
        .public(
            "tells that the service is there",
            Routes::new()
                .get("/", greeting::show)
                .spends(Spend::Nothing),
        )
        .public(
            "load balancers and monitors have no account",
            Routes::new()
                .get("/health", health::show)
                .spends(Spend::Nothing)
                .cached(Cache::Never)
                .get("/health/live", health::live)
                .spends(Spend::Nothing)
                .cached(Cache::Never)
                .get("/health/ready", health::ready)
                .spends(Spend::Nothing)
                .cached(Cache::Never),
        )
        .public(
            "operators try Sentry with a browser; tightly limited, and off with SENTRY_TEST_ROUTES=off",
            Routes::new()
                .get("/sentry-test", sentry::test)
                .spends(Spend::Sentry)
                .cached(Cache::Never)
                .get("/sentry-error", sentry::error)
                .spends(Spend::Sentry)
                .cached(Cache::Never),
        )
        .public(
            "the landing page shows these four numbers",
            Routes::new().get("/stats", stats::show).shared(),
        )
        .public(
            "the contract is no secret",
            Routes::new()
                .get("/openapi.json", docs::document)
                .spends(Spend::Nothing)
                .get("/docs", docs::viewer),
        )
        .secrets(&["METRICS_TOKEN", "MEILI_HOST", "SENTRY_TEST_ROUTES"])
}

/// The group's router.
pub fn router(app: AppState) -> axum::Router {
    api().router(HealthState::new(app))
}
