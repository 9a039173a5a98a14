//! What every handler can reach.

use std::sync::Arc;

use crate::{
    config::{Config, Variables},
    db::Db,
    http::Api,
    redis::Redis,
};

/// Configuration, database and Redis of one instance; cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// Redis, where there is one.
    pub redis: Option<Redis>,
    /// The configuration.
    pub config: Arc<Config>,
}

impl AppState {
    /// Reads the configuration that the group needs and prepares the database.
    pub fn new<S>(api: &Api<S>, variables: Variables) -> anyhow::Result<Self>
    where
        S: Clone + Send + Sync + 'static,
        Self: axum::extract::FromRef<S>,
    {
        let config = Config::read(variables, api.required_names())?;
        let db = Db::new(&config.database, config.production, api.secret_names())?;
        Ok(Self {
            db,
            redis: config.redis.as_ref().map(Redis::new),
            config: Arc::new(config),
        })
    }
}
