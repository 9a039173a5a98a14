//! Checks the services that the API uses. The checks run in parallel and have a time limit. Their results are cached, so
//! that frequent requests do not load the database.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use futures_util::future::join_all;
use serde::Serialize;
use shared::{AppState, telemetry};
use tokio::{sync::Mutex, time::timeout};
use utoipa::ToSchema;

use crate::{config::HealthConfig, queries};

/// Maximum time of one check.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// Time for which a result is cached.
const CACHE_TIME: Duration = Duration::from_secs(5);
/// Time for which the state of the primary is cached for `/health/ready`: requests cannot load the database, and a load
/// balancer notices an outage at once.
const READINESS_CACHE_TIME: Duration = Duration::from_secs(1);

/// State of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It responds.
    Healthy,
    /// It is configured, but does not respond as expected.
    Unhealthy,
    /// It is not configured.
    Disabled,
}

/// States of the services that the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Services {
    /// PostgreSQL.
    pub database: ServiceState,
    /// `REDIS_URL`.
    pub redis: ServiceState,
    /// `MEILI_HOST`.
    pub meilisearch: ServiceState,
    /// `SENTRY_DSN`.
    pub sentry: ServiceState,
    /// The bucket with files and images, where one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<ServiceState>,
}

/// Numbers of read replicas. They do not affect the readiness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replicas {
    /// Replicas that respond.
    #[schema(value_type = i32)]
    pub healthy: usize,
    /// Replicas that are configured.
    #[schema(value_type = i32)]
    pub total: usize,
}

/// Runs the checks. Concurrent callers wait for the same check and share its result.
pub struct Checks {
    app: AppState,
    config: Arc<HealthConfig>,
    services: Mutex<Option<(Instant, Services)>>,
    primary: Mutex<Option<(Instant, bool)>>,
    replicas: Mutex<Option<(Instant, Replicas)>>,
}

impl Checks {
    /// No check has run yet.
    pub fn new(app: AppState, config: Arc<HealthConfig>) -> Self {
        Self {
            app,
            config,
            services: Mutex::new(None),
            primary: Mutex::new(None),
            replicas: Mutex::new(None),
        }
    }

    /// Returns the states of all services. They are at most five seconds old.
    pub async fn services(&self) -> Services {
        cached(&self.services, CACHE_TIME, async {
            let (database, redis, meilisearch, storage) = tokio::join!(
                self.database(),
                self.redis(),
                self.meilisearch(),
                self.storage()
            );
            Services {
                database: if database {
                    ServiceState::Healthy
                } else {
                    ServiceState::Unhealthy
                },
                redis,
                meilisearch,
                sentry: self.sentry(),
                storage,
            }
        })
        .await
    }

    /// Returns whether the primary responds, which is at most one second old, and the replicas, which are at most five
    /// seconds old.
    pub async fn databases(&self) -> (bool, Replicas) {
        tokio::join!(
            cached(&self.primary, READINESS_CACHE_TIME, self.database()),
            cached(&self.replicas, CACHE_TIME, self.check_replicas())
        )
    }

    async fn database(&self) -> bool {
        let found = timeout(TIME_LIMIT, queries::ping(&self.app.db)).await;
        matches!(found, Ok(Ok(())))
    }

    async fn check_replicas(&self) -> Replicas {
        let config = &self.app.config.database;
        let checks = config.replica_urls.iter().map(|url| async move {
            let reached = timeout(TIME_LIMIT, self.app.db.reaches(config, url)).await;
            matches!(reached, Ok(Ok(())))
        });
        let found = join_all(checks).await;
        Replicas {
            healthy: found.iter().filter(|reached| **reached).count(),
            total: found.len(),
        }
    }

    async fn redis(&self) -> ServiceState {
        match &self.app.redis {
            Some(redis) => check("redis", redis.ping()).await,
            None => ServiceState::Disabled,
        }
    }

    async fn meilisearch(&self) -> ServiceState {
        match &self.config.meilisearch {
            Some(host) => check("meilisearch", ping_meilisearch(host)).await,
            None => ServiceState::Disabled,
        }
    }

    /// This function has no permissions for the bucket, so a rejection also counts as healthy.
    async fn storage(&self) -> Option<ServiceState> {
        match &self.config.bucket {
            Ok(None) => None,
            Ok(Some(bucket)) => Some(check("storage", ping_storage(bucket.clone())).await),
            Err(error) => Some(check("storage", async { Err(anyhow!(error.clone())) }).await),
        }
    }

    /// Checks only that the DSN is valid. Events are sent in the background, so their result is unknown here.
    fn sentry(&self) -> ServiceState {
        match self.config.sentry_is_valid {
            Some(true) => ServiceState::Healthy,
            Some(false) => ServiceState::Unhealthy,
            None => ServiceState::Disabled,
        }
    }
}

/// Returns the result in `memory` if it is recent enough. Otherwise runs the check and stores its result.
async fn cached<T: Copy>(
    memory: &Mutex<Option<(Instant, T)>>,
    period: Duration,
    check: impl Future<Output = T>,
) -> T {
    let mut memory = memory.lock().await;
    if let Some((when, found)) = *memory
        && when.elapsed() < period
    {
        return found;
    }
    let found = check.await;
    *memory = Some((Instant::now(), found));
    found
}

/// Runs a check within the time limit, and logs its error.
async fn check(service: &str, ping: impl Future<Output = anyhow::Result<()>>) -> ServiceState {
    let result = match timeout(TIME_LIMIT, ping).await {
        Ok(result) => result,
        Err(late) => Err(late.into()),
    };
    match result {
        Ok(()) => ServiceState::Healthy,
        Err(error) => {
            tracing::warn!(service, error = %format_args!("{error:#}"), "a service is unhealthy");
            ServiceState::Unhealthy
        }
    }
}

async fn ping_meilisearch(host: &str) -> anyhow::Result<()> {
    let host = host.trim_end_matches('/');
    let _span = telemetry::span("http.client", "GET /health of Meilisearch");
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    let response = client
        .get(format!("{host}/health"))
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .context("no response")?;
    ensure!(
        response.status().is_success(),
        "status {}",
        response.status()
    );
    Ok(())
}

async fn ping_storage(bucket: url::Url) -> anyhow::Result<()> {
    let _span = telemetry::span("http.client", "GET the bucket");
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let response = client
        .get(bucket)
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .context("no answer")?;
    let status = response.status();
    ensure!(!status.is_server_error(), "status {status}");
    Ok(())
}
