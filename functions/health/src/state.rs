//! The state of this group's handlers.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::AppState;

use crate::{checks::Checks, config::HealthConfig};

/// The common state, the group's configuration, and the results of the last checks.
#[derive(Clone)]
pub struct HealthState {
    app: AppState,
    config: Arc<HealthConfig>,
    checks: Arc<Checks>,
}

impl HealthState {
    /// No check has run yet.
    pub fn new(app: AppState) -> Self {
        let config = Arc::new(HealthConfig::read(&app.config.variables));
        Self {
            checks: Arc::new(Checks::new(app.clone(), config.clone())),
            config,
            app,
        }
    }
}

impl FromRef<HealthState> for AppState {
    fn from_ref(state: &HealthState) -> Self {
        state.app.clone()
    }
}

impl FromRef<HealthState> for Arc<Checks> {
    fn from_ref(state: &HealthState) -> Self {
        state.checks.clone()
    }
}

impl FromRef<HealthState> for Arc<HealthConfig> {
    fn from_ref(state: &HealthState) -> Self {
        state.config.clone()
    }
}
