//! The state of the auth function.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::AppState;

use crate::{api_key_limit::ApiKeyLimit, provider::Providers, rate_limit::RateLimit};

/// Configuration, database and sign-in providers of one instance. Cloning it is cheap.
#[derive(Clone)]
pub struct AuthState {
    /// Configuration and database.
    pub app: AppState,
    /// The providers that are configured: GitHub, Google, or both.
    pub providers: Arc<Providers>,
    /// Better Auth's rate limits.
    pub rate_limit: Arc<RateLimit>,
    /// The rate limit of new API keys.
    pub api_key_limit: ApiKeyLimit,
}

impl AuthState {
    /// Creates the state from the configuration.
    ///
    /// # Errors
    /// An address or a switch in the configuration is malformed.
    pub fn new(app: AppState) -> anyhow::Result<Self> {
        Ok(Self {
            providers: Arc::new(Providers::new(&app.config)?),
            rate_limit: Arc::new(RateLimit::new(&app.config)?),
            api_key_limit: ApiKeyLimit::new(&app.config)?,
            app,
        })
    }
}

impl AuthState {
    /// Returns whether a `Location` header may be sent: it leads to a trusted origin, to the API's own origin, or to a
    /// provider.
    pub fn allows_location(&self, location: &str) -> bool {
        self.app.config.trusted_origins.allows_redirect(location)
            || self.providers.has_address(location)
    }
}

impl FromRef<AuthState> for AppState {
    fn from_ref(state: &AuthState) -> Self {
        state.app.clone()
    }
}
