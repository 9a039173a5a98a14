//! Checks of what the service uses: in parallel, bounded in time, and remembered, so that nobody loads the database by
//! asking how it is.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::join_all;
use serde::Serialize;
use shared::{AppState, telemetry};
use tokio::{sync::Mutex, time::timeout};
use utoipa::ToSchema;

use crate::{health::Replicas, queries};

/// How long one check may take.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// How long a result is believed.
const REMEMBERED: Duration = Duration::from_secs(5);

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It answers.
    Healthy,
    /// It is configured and does not answer as it should.
    Unhealthy,
    /// It is not configured.
    Disabled,
}

/// What the service uses.
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
}

/// Runs the checks, one caller at a time; the others take what that one found.
pub struct Checks {
    app: AppState,
    services: Mutex<Option<(Instant, Services)>>,
    replicas: Mutex<Option<(Instant, Replicas)>>,
}

impl Checks {
    /// Nothing checked yet.
    pub fn new(app: AppState) -> Self {
        Self {
            app,
            services: Mutex::new(None),
            replicas: Mutex::new(None),
        }
    }

    /// All services, as they were in the last five seconds.
    pub async fn services(&self) -> Services {
        remembered(&self.services, async {
            let (database, redis, meilisearch) =
                tokio::join!(self.database(), self.redis(), self.meilisearch());
            Services {
                database: if database {
                    ServiceState::Healthy
                } else {
                    ServiceState::Unhealthy
                },
                redis,
                meilisearch,
                sentry: self.sentry(),
            }
        })
        .await
    }

    /// The primary now, and the replicas as they were in the last five seconds.
    pub async fn databases(&self) -> (bool, Replicas) {
        tokio::join!(
            self.database(),
            remembered(&self.replicas, self.check_replicas())
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
            Some(redis) => judge("redis", redis.ping()).await,
            None => ServiceState::Disabled,
        }
    }

    async fn meilisearch(&self) -> ServiceState {
        let Some(host) = self.app.config.variables.get("MEILI_HOST") else {
            return ServiceState::Disabled;
        };
        judge("meilisearch", ask_meilisearch(host)).await
    }

    /// Events are sent in the background, so all that can be said at once is whether there is a place to send them to.
    fn sentry(&self) -> ServiceState {
        let Some(dsn) = self.app.config.variables.get("SENTRY_DSN") else {
            return ServiceState::Disabled;
        };
        let usable = url::Url::parse(dsn)
            .is_ok_and(|dsn| dsn.has_host() && !dsn.username().is_empty() && dsn.path().len() > 1);
        if usable {
            ServiceState::Healthy
        } else {
            ServiceState::Unhealthy
        }
    }
}

async fn remembered<T: Copy>(
    memory: &Mutex<Option<(Instant, T)>>,
    check: impl Future<Output = T>,
) -> T {
    let mut memory = memory.lock().await;
    if let Some((when, found)) = *memory
        && when.elapsed() < REMEMBERED
    {
        return found;
    }
    let found = check.await;
    *memory = Some((Instant::now(), found));
    found
}

async fn judge(service: &str, check: impl Future<Output = anyhow::Result<()>>) -> ServiceState {
    let result = match timeout(TIME_LIMIT, check).await {
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

async fn ask_meilisearch(host: &str) -> anyhow::Result<()> {
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
        .context("no answer")?;
    ensure!(
        response.status().is_success(),
        "status {}",
        response.status()
    );
    Ok(())
}
