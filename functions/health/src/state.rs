//! The state of this group's handlers.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::AppState;

use crate::checks::Checks;

/// The common state, and the results of the last checks.
#[derive(Clone)]
pub struct HealthState {
    app: AppState,
    checks: Arc<Checks>,
}

impl HealthState {
    /// No check has run yet.
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
