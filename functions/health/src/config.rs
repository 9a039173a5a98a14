//! The group's own configuration.

use shared::config::{StorageConfig, Variables};
use url::Url;

/// The services that the checks call, and whether the test routes are on.
pub struct HealthConfig {
    /// `MEILI_HOST`, the address of Meilisearch.
    pub meilisearch: Option<String>,
    /// The address of the bucket, or the reason why its configuration is invalid.
    pub bucket: Result<Option<Url>, String>,
    /// Whether `SENTRY_DSN` is valid, if it is set.
    pub sentry_is_valid: Option<bool>,
    /// `SENTRY_TEST_ROUTES`. An invalid value disables the routes.
    pub sentry_test_routes: bool,
}

impl HealthConfig {
    /// Reads the variables. An invalid address is reported by its check, because the API works without these services.
    pub fn read(variables: &Variables) -> Self {
        let bucket = StorageConfig::bucket_url(variables);
        Self {
            meilisearch: variables.get("MEILI_HOST").map(str::to_owned),
            bucket: bucket.map_err(|error| format!("{error:#}")),
            sentry_is_valid: variables.get("SENTRY_DSN").map(is_dsn),
            sentry_test_routes: variables
                .switch("SENTRY_TEST_ROUTES", true)
                .unwrap_or(false),
        }
    }
}

fn is_dsn(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|dsn| dsn.has_host() && !dsn.username().is_empty() && dsn.path().len() > 1)
}
