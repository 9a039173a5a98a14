//! The names of the configuration that the application's secret may contain. `docs/configuration.md` describes them.

/// Names that every group takes from the secret.
pub const COMMON: &[&str] = &[
    "ADMIN_USER_IDS",
    "API_KEY_RATE_LIMIT_MAX",
    "API_KEY_RATE_LIMIT_WINDOW",
    "AUTH_RATE_LIMIT",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_TRUSTED_ORIGINS",
    "BETTER_AUTH_URL",
    "CLIENT_IP_HEADER",
    "COOKIE_SAME_SITE",
    "DATABASE_CA",
    "DATABASE_MAX_CONNECTIONS",
    "DATABASE_POOLER",
    "DATABASE_READ_REPLICA_EAST_URL",
    "DATABASE_READ_REPLICA_PRIMARY_URL",
    "DATABASE_URL",
    "DATABASE_WRITE_POOL_URL",
    "FRONTEND_URL",
    "NODE_ENV",
    "PORT",
    "PUBLIC_API_URL",
    "RATE_LIMIT_ANON",
    "RATE_LIMIT_CREATE",
    "RATE_LIMIT_READ",
    "RATE_LIMIT_SENTRY",
    "RATE_LIMIT_WRITE",
    "REDIS_PASSWORD",
    "REDIS_URL",
    "RUST_LOG",
    "SENTRY_DSN",
    "SENTRY_ENVIRONMENT",
    "SENTRY_RELEASE",
    "SENTRY_SAMPLE_RATE",
    "SENTRY_SEND_PII",
    "SENTRY_TRACES_SAMPLE_RATE",
    "SERVER_TIMING",
    "TRUSTED_PROXY_SECRET",
];

/// Returns whether the secret may contain that name.
pub fn is_known(name: &str) -> bool {
    COMMON.contains(&name) || OF_GROUPS.contains(&name)
}

/// Names that single groups take from the secret.
pub const OF_GROUPS: &[&str] = &[
    "DO_SPACES_BUCKET",
    "DO_SPACES_KEY",
    "DO_SPACES_REGION",
    "DO_SPACES_SECRET",
    "GITHUB_API_URL",
    "GITHUB_AUTHORIZE_URL",
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "GITHUB_TOKEN_URL",
    "GOOGLE_AUTHORIZE_URL",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "GOOGLE_ISSUER",
    "GOOGLE_JWKS_URL",
    "GOOGLE_TOKEN_URL",
    "MEILI_HOST",
    "METRICS_TOKEN",
    "S3_BUCKET",
    "S3_ENDPOINT",
    "S3_KEY",
    "S3_REGION",
    "S3_SECRET",
    "SENTRY_TEST_ROUTES",
];
