//! What the auth function's handlers can reach.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::AppState;

use crate::{api_key, provider::Providers, rate_limit::RateLimit, sweep::Sweep};

/// Configuration, database and the sign-in providers of one instance; cheap to clone.
#[derive(Clone)]
pub struct AuthState {
    /// Configuration and database.
    pub app: AppState,
    /// GitHub and Google, as far as they are configured.
    pub providers: Arc<Providers>,
    /// Better Auth's rate limits.
    pub rate_limit: Arc<RateLimit>,
    /// The rate limit that new API keys get.
    pub api_key_limit: api_key::Limit,
    /// When rows that nobody needs any more were last deleted.
    pub sweep: Arc<Sweep>,
}

impl AuthState {
    /// Fails where an address or a switch of the configuration is malformed.
    pub fn new(app: AppState) -> anyhow::Result<Self> {
        Ok(Self {
            providers: Arc::new(Providers::new(&app.config)?),
            rate_limit: Arc::new(RateLimit::new(&app.config)?),
            api_key_limit: api_key::Limit::new(&app.config)?,
            sweep: Arc::default(),
            app,
        })
    }
}

impl FromRef<AuthState> for AppState {
    fn from_ref(state: &AuthState) -> Self {
        state.app.clone()
    }
}
