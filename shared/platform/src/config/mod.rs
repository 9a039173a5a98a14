//! The typed configuration, read once at init from [`Variables`].

mod database;
pub mod names;
mod quotas;
mod redis;
mod required;
mod runtime;
mod storage;
mod variables;

use anyhow::Context;

pub use self::{
    database::{DatabaseConfig, Pooler},
    quotas::{Quota, Quotas},
    redis::RedisConfig,
    required::Required,
    runtime::{lambda_concurrency, under_lambda},
    storage::StorageConfig,
    variables::Variables,
};
use crate::{
    cookie::{Cookies, SameSite},
    trusted_origins::TrustedOrigins,
};

/// Variables that every group requires.
const COMMON_REQUIRED: &[&str] = &["DATABASE_URL", "BETTER_AUTH_SECRET", "BETTER_AUTH_URL"];

/// Signing key outside production if none is configured, so that a new checkout runs without configuration.
const DEVELOPMENT_SECRET: &str = "codecave-development-secret-not-for-production";

/// Publicly known signing keys: [`DEVELOPMENT_SECRET`] and the default of Better Auth 1.7.
const KNOWN_SECRETS: &[&str] = &[
    DEVELOPMENT_SECRET,
    "better-auth-secret-12345678901234567890",
];

/// Origins that are always trusted. The Node deployment has the same list in its code.
const TRUSTED_ORIGINS: &[&str] = &[
    "http://localhost:3000",
    "http://localhost:3001",
    "https://codecave.tech",
    "https://www.codecave.tech",
    "https://app.codecave.tech",
    "https://api.codecave.tech",
];

/// Origins that are trusted in development too: pages that this machine serves, on any port.
const DEVELOPMENT_ORIGINS: &[&str] = &[
    "http://localhost",
    "http://localhost:*",
    "http://127.0.0.1",
    "http://127.0.0.1:*",
    "http://[::1]:*",
];

/// The configuration that all groups share. A group reads its own settings from [`Config::variables`].
#[derive(Clone)]
pub struct Config {
    /// Whether `NODE_ENV` is `production`.
    pub production: bool,
    /// `NODE_ENV`; the default is `development`.
    pub environment: String,
    /// Public origin without a path, for example `https://api.codecave.tech` (`BETTER_AUTH_URL`).
    pub base_url: String,
    /// Base of absolute addresses in responses (`PUBLIC_API_URL`; the default is [`Config::base_url`]).
    pub public_url: String,
    /// Key of every signature (`BETTER_AUTH_SECRET`).
    pub secret: String,
    /// Names, attributes and signatures of cookies.
    pub cookies: Cookies,
    /// Origins that may send credentials: the lists in this module, `FRONTEND_URL` and `BETTER_AUTH_TRUSTED_ORIGINS`.
    pub trusted_origins: TrustedOrigins,
    /// Lower-case name of the header in which a trusted CDN sends the client's address (`CLIENT_IP_HEADER`).
    pub client_ip_header: Option<String>,
    /// The value of `X-Origin-Secret` that a request needs for this header to be trusted (`TRUSTED_PROXY_SECRET`).
    pub trusted_proxy_secret: Option<String>,
    /// Users who are admins independently of their role column (`ADMIN_USER_IDS`).
    pub admin_user_ids: Vec<String>,
    /// Bearer token that grants access to the metrics (`METRICS_TOKEN`).
    pub metrics_token: Option<String>,
    /// Requests allowed in a window, by policy.
    pub quotas: Quotas,
    /// Configuration of PostgreSQL.
    pub database: DatabaseConfig,
    /// Configuration of Redis, if it is used.
    pub redis: Option<RedisConfig>,
    /// Configuration of the object storage, if it is used.
    pub storage: Option<StorageConfig>,
    /// All variables, for a group's own settings.
    pub variables: Variables,
}

impl Config {
    /// Reads the configuration. In production, one error lists every missing variable of the common ones and of
    /// `required`. In other environments the same list is logged as a warning. Errors do not contain values.
    pub fn read(variables: Variables, required: impl Into<Required>) -> anyhow::Result<Self> {
        let environment = variables
            .get("NODE_ENV")
            .unwrap_or("development")
            .to_owned();
        let production = environment == "production";
        let unknown: Vec<&str> = variables.unknown_names().collect();
        if !unknown.is_empty() {
            tracing::warn!(
                names = unknown.join(", "),
                "the secret contains unknown names, which are ignored"
            );
        }
        report_missing(&variables, &required.into(), production)?;
        if production && under_lambda() {
            warn_of_unprotected_header(&variables);
        }

        let base_url = origin(&variables, "BETTER_AUTH_URL")?
            .unwrap_or_else(|| "http://localhost:3001".to_owned());
        let public_url = variables.get("PUBLIC_API_URL").map_or_else(
            || base_url.clone(),
            |url| url.trim_end_matches('/').to_owned(),
        );
        let secret = variables
            .get("BETTER_AUTH_SECRET")
            .unwrap_or(DEVELOPMENT_SECRET)
            .to_owned();
        anyhow::ensure!(
            !(production && KNOWN_SECRETS.contains(&secret.as_str())),
            "BETTER_AUTH_SECRET must be a secret of this deployment's own"
        );
        let secure = base_url.starts_with("https://");
        let same_site = same_site(&variables, secure)?;
        let is_development = environment == "development";
        let trusted_origins = trusted_origins(&variables, &base_url, is_development);
        Ok(Self {
            production,
            environment,
            cookies: Cookies::new(&secret, secure).with_same_site(same_site),
            secret,
            trusted_origins,
            public_url,
            base_url,
            client_ip_header: variables
                .get("CLIENT_IP_HEADER")
                .map(str::to_ascii_lowercase),
            trusted_proxy_secret: variables.get("TRUSTED_PROXY_SECRET").map(str::to_owned),
            admin_user_ids: variables.list("ADMIN_USER_IDS"),
            metrics_token: variables.get("METRICS_TOKEN").map(str::to_owned),
            quotas: Quotas::read(&variables)?,
            database: DatabaseConfig::read(&variables)?,
            redis: RedisConfig::read(&variables),
            storage: StorageConfig::read(&variables)?,
            variables,
        })
    }
}

fn report_missing(
    variables: &Variables,
    required: &Required,
    production: bool,
) -> anyhow::Result<()> {
    let missing = required.missing(COMMON_REQUIRED, variables);
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Missing required environment variables: {}",
        missing.join(", ")
    );
    anyhow::ensure!(!production, message);
    tracing::warn!("{message}");
    Ok(())
}

/// Returns the `SameSite` attribute of cookies (`COOKIE_SAME_SITE`). `secure` means that the public address is https.
fn same_site(variables: &Variables, secure: bool) -> anyhow::Result<SameSite> {
    let same_site = match variables.get("COOKIE_SAME_SITE") {
        None => SameSite::default(),
        Some(value) => value.parse().map_err(|()| {
            anyhow::anyhow!("the value of COOKIE_SAME_SITE must be lax, strict or none")
        })?,
    };
    // Browsers reject a cookie with SameSite=None and without Secure.
    anyhow::ensure!(
        secure || same_site != SameSite::None,
        "COOKIE_SAME_SITE=none needs an https address in BETTER_AUTH_URL"
    );
    Ok(same_site)
}

/// Warns if the header is trusted without a secret. An API in Lambda can be reached without its CDN.
fn warn_of_unprotected_header(variables: &Variables) {
    if variables.get("CLIENT_IP_HEADER").is_some()
        && variables.get("TRUSTED_PROXY_SECRET").is_none()
    {
        tracing::warn!(
            "CLIENT_IP_HEADER is set without TRUSTED_PROXY_SECRET: anybody who calls the API past the CDN can forge an address"
        );
    }
}

/// Returns the origin in a variable: scheme, host and port, without a path.
fn origin(variables: &Variables, name: &str) -> anyhow::Result<Option<String>> {
    let Some(value) = variables.get(name) else {
        return Ok(None);
    };
    let url = url::Url::parse(value)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .with_context(|| format!("the value of {name} must be an http or https address"))?;
    Ok(Some(url.origin().ascii_serialization()))
}

fn trusted_origins(variables: &Variables, base_url: &str, is_development: bool) -> TrustedOrigins {
    let mut frontends = variables.list("FRONTEND_URL");
    if frontends.is_empty() {
        frontends.push("http://localhost:3000".to_owned());
    }
    let of_development: &[&str] = if is_development {
        DEVELOPMENT_ORIGINS
    } else {
        &[]
    };
    TrustedOrigins::new(
        TRUSTED_ORIGINS
            .iter()
            .chain(of_development)
            .map(|origin| (*origin).to_owned())
            .chain([base_url.to_owned()])
            .chain(frontends)
            .chain(variables.list("BETTER_AUTH_TRUSTED_ORIGINS")),
    )
}

/// Debug output contains no secret.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("environment", &self.environment)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn production_names_all_missing_variables_at_once() {
        let error = Config::read(
            variables(&[
                ("NODE_ENV", "production"),
                ("DATABASE_URL", "postgres://secret@h/d"),
            ]),
            &["GITHUB_CLIENT_ID"],
        )
        .err()
        .unwrap()
        .to_string();

        assert_eq!(
            error,
            "Missing required environment variables: BETTER_AUTH_SECRET, BETTER_AUTH_URL, \
             GITHUB_CLIENT_ID"
        );
    }

    #[test]
    fn production_rejects_a_publicly_known_secret() {
        for secret in KNOWN_SECRETS {
            let read = |environment| {
                Config::read(
                    variables(&[
                        ("NODE_ENV", environment),
                        ("DATABASE_URL", "postgres://h/d"),
                        ("BETTER_AUTH_URL", "https://api.codecave.tech"),
                        ("BETTER_AUTH_SECRET", secret),
                    ]),
                    &[],
                )
            };
            let error = read("production").err().unwrap().to_string();
            assert!(
                error.contains("BETTER_AUTH_SECRET") && !error.contains(secret),
                "{error}"
            );
            assert!(read("development").is_ok());
        }
    }

    #[test]
    fn development_starts_with_nothing_set() {
        let config = Config::read(Variables::default(), &[]).unwrap();
        assert_eq!(config.base_url, "http://localhost:3001");
        assert!(
            config
                .trusted_origins
                .allows_origin("http://localhost:3000")
        );
    }

    #[test]
    fn development_trusts_pages_of_this_machine_on_any_port() {
        let allows = |environment, origin| {
            let pairs = [
                ("NODE_ENV", environment),
                ("DATABASE_URL", "postgres://h/d"),
                ("BETTER_AUTH_URL", "https://api.codecave.tech"),
                ("BETTER_AUTH_SECRET", "a secret of this test"),
            ];
            let config = Config::read(variables(&pairs), &[]).unwrap();
            config.trusted_origins.allows_origin(origin)
        };
        for origin in [
            "http://localhost:5173",
            "http://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:5173",
        ] {
            assert!(allows("development", origin), "{origin}");
            assert!(!allows("production", origin), "{origin}");
            assert!(!allows("test", origin), "{origin}");
        }
        for origin in [
            "https://localhost:5173",
            "http://localhost.evil.example",
            "http://localhost.evil.example:5173",
            "http://evil.example:5173",
            "http://127.0.0.1.evil.example:80",
            "http://127.0.0.2:5173",
        ] {
            assert!(!allows("development", origin), "{origin}");
        }
    }

    #[test]
    fn cookies_for_other_sites_need_https() {
        let read = |url, same_site| {
            let pairs = [("BETTER_AUTH_URL", url), ("COOKIE_SAME_SITE", same_site)];
            Config::read(variables(&pairs), &[]).map(|config| config.cookies.clear("state"))
        };

        let error = read("http://localhost:3001", "none").unwrap_err();
        assert_eq!(
            error.to_string(),
            "COOKIE_SAME_SITE=none needs an https address in BETTER_AUTH_URL"
        );
        assert!(
            read("https://api.example", "none")
                .unwrap()
                .ends_with("Secure; SameSite=None")
        );
        assert!(
            read("http://localhost:3001", "strict")
                .unwrap()
                .ends_with("HttpOnly; SameSite=Strict")
        );
    }

    #[test]
    fn a_malformed_value_is_named_and_not_shown() {
        for name in [
            "COOKIE_SAME_SITE",
            "RATE_LIMIT_READ",
            "DATABASE_MAX_CONNECTIONS",
            "BETTER_AUTH_URL",
        ] {
            let error = Config::read(variables(&[(name, "hunter2")]), &[])
                .err()
                .unwrap();
            let error = format!("{error:#}");
            assert!(
                error.contains(name) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
