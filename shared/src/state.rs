//! The state that every handler can access.

use std::sync::Arc;

use platform::{
    config::{Config, Required, Variables},
    db::Db,
    storage::Storage,
};

use crate::{limits::LimitStore, redis::Redis};

/// Configuration, database, Redis and storage of one instance. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// Redis, if it is configured.
    pub redis: Option<Redis>,
    /// The bucket with files and images, if it is configured.
    pub storage: Option<Storage>,
    /// The counters of the rate limits.
    pub limits: Arc<LimitStore>,
    /// The configuration.
    pub config: Arc<Config>,
}

impl AppState {
    /// Reads the configuration and prepares the database. `required` are the variables that the group requires in addition
    /// to the common ones, `secret_names` those that it may take from the deployment's secret.
    pub fn new(
        variables: Variables,
        required: impl Into<Required>,
        secret_names: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        Self::over(Config::read(variables, required)?, secret_names)
    }

    /// Prepares the database of a configuration.
    pub fn over(config: Config, secret_names: &'static [&'static str]) -> anyhow::Result<Self> {
        let db = Db::new(&config.database, config.production, secret_names)?;
        Ok(Self {
            db,
            limits: Arc::new(LimitStore::new(&config.quotas)),
            redis: config.redis.as_ref().map(Redis::new),
            storage: config.storage.clone().map(Storage::new),
            config: Arc::new(config),
        })
    }
}
