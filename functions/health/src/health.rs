//! The health of the API.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{
    AppState, fields,
    http::{Check as _, Json, Query, boolean},
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::checks::{Checks, Replicas, ServiceState, Services};

/// The process responds.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `alive` at `/health/live`.
    #[schema(value_type = HealthStatus)]
    status: &'static str,
    timestamp: Timestamp,
}

/// State of the process.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum HealthStatus {
    Ok,
    Alive,
}

/// Whether requests may be sent here.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum ReadinessStatus {
    #[schema(rename = "ready")]
    Ready,
    #[schema(rename = "not ready")]
    NotReady,
}

/// Health of the API and of the services that it uses.
#[derive(Serialize, ToSchema)]
pub struct HealthDetails {
    status: Overall,
    timestamp: Timestamp,
    services: Services,
    /// Version of this release.
    version: &'static str,
    /// `NODE_ENV`.
    environment: String,
}

/// State of the API as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// No service is unhealthy.
    Ok,
    /// An optional service is unhealthy.
    Degraded,
    /// The database is unhealthy.
    Error,
}

/// Whether the API can serve requests.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    #[schema(value_type = ReadinessStatus)]
    status: &'static str,
    timestamp: Timestamp,
    ready: bool,
    checks: ReadinessChecks,
}

/// Results of the checks of the databases.
#[derive(Serialize, ToSchema)]
pub struct ReadinessChecks {
    /// Whether the primary database responds.
    database: bool,
    replicas: Replicas,
}

fields! {
    /// Query of `/health`.
    pub struct ShowHealth {
        /// `true` checks every service that the API uses.
        details: bool = "details", boolean().or(false);
    }
}

/// `GET /health`
pub async fn show(
    State(app): State<AppState>,
    State(checks): State<Arc<Checks>>,
    Query(query): Query<ShowHealth>,
) -> Response {
    if !query.details {
        return Json(now("ok")).into_response();
    }
    let services = checks.services().await;
    let status = overall(services);
    let details = HealthDetails {
        status,
        timestamp: Timestamp::now(),
        services,
        version: env!("CARGO_PKG_VERSION"),
        environment: app.config.environment.clone(),
    };
    let code = match status {
        Overall::Error => StatusCode::SERVICE_UNAVAILABLE,
        Overall::Ok | Overall::Degraded => StatusCode::OK,
    };
    (code, Json(details)).into_response()
}

/// `GET /health/live`
pub async fn live() -> Json<Health> {
    Json(now("alive"))
}

/// `GET /health/ready`
pub async fn ready(State(checks): State<Arc<Checks>>) -> Response {
    let (database, replicas) = checks.databases().await;
    let (code, status) = if database {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let readiness = Readiness {
        status,
        timestamp: Timestamp::now(),
        ready: database,
        checks: ReadinessChecks { database, replicas },
    };
    (code, Json(readiness)).into_response()
}

fn now(status: &'static str) -> Health {
    Health {
        status,
        timestamp: Timestamp::now(),
    }
}

fn overall(services: Services) -> Overall {
    let storage = services.storage.unwrap_or(ServiceState::Disabled);
    let optional = [
        services.redis,
        services.meilisearch,
        services.sentry,
        storage,
    ];
    if services.database != ServiceState::Healthy {
        Overall::Error
    } else if optional.contains(&ServiceState::Unhealthy) {
        Overall::Degraded
    } else {
        Overall::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_is_required() {
        let fine = Services {
            database: ServiceState::Healthy,
            redis: ServiceState::Disabled,
            meilisearch: ServiceState::Disabled,
            sentry: ServiceState::Healthy,
            storage: None,
        };
        assert_eq!(overall(fine), Overall::Ok);
        let without_redis = Services {
            redis: ServiceState::Unhealthy,
            ..fine
        };
        assert_eq!(overall(without_redis), Overall::Degraded);
        let without_database = Services {
            database: ServiceState::Unhealthy,
            ..without_redis
        };
        assert_eq!(overall(without_database), Overall::Error);
    }
}
