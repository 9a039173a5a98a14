//! What this group's handlers can reach.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::AppState;

use crate::checks::Checks;

/// The common state, and what the last checks found.
#[derive(Clone)]
pub struct HealthState {
    app: AppState,
    checks: Arc<Checks>,
}

impl HealthState {
    /// Nothing checked yet.
    pub fn new(app: AppState) -> Self {
        Self {
            checks: Arc::new(Checks::new(app.clone())),
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
