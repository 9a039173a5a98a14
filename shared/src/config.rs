//! Typed configuration, read once at init from the environment and the deployment's secret.

use std::{collections::HashMap, str::FromStr, time::Duration};

use anyhow::Context;
use ipnet::IpNet;
use percent_encoding::NON_ALPHANUMERIC;

use crate::{cookie::Cookies, http::origin::TrustedOrigins, secrets};

/// Names that every group may take from the secret. A group's own secrets are named by its
/// [`Api::secrets`](crate::http::Api::secrets).
const COMMON_SECRETS: &[&str] = &[
    "DATABASE_URL",
    "DATABASE_WRITE_POOL_URL",
    "DATABASE_READ_REPLICA_PRIMARY_URL",
    "DATABASE_READ_REPLICA_EAST_URL",
    "DATABASE_CA",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_URL",
    "BETTER_AUTH_TRUSTED_ORIGINS",
    "FRONTEND_URL",
    "REDIS_URL",
    "REDIS_PASSWORD",
    "SENTRY_DSN",
    "ADMIN_USER_IDS",
    "PUBLIC_API_URL",
];

/// Names without which no group can serve all of its routes.
const COMMON_REQUIRED: &[&str] = &["DATABASE_URL", "BETTER_AUTH_SECRET", "BETTER_AUTH_URL"];

/// Key of signatures where none is configured outside production, so that a new checkout runs at once.
const DEVELOPMENT_SECRET: &str = "codecave-development-secret-not-for-production";

/// Keys that everybody knows: ours, and the one that Better Auth 1.7 takes where none is set.
const KNOWN_SECRETS: &[&str] = &[
    DEVELOPMENT_SECRET,
    "better-auth-secret-12345678901234567890",
];

/// Origins that are always trusted, as in the Node deployment's code.
const TRUSTED_ORIGINS: &[&str] = &[
    "http://localhost:3000",
    "http://localhost:3001",
    "https://codecave.tech",
    "https://www.codecave.tech",
    "https://app.codecave.tech",
    "https://api.codecave.tech",
];

/// The environment and, under it, the secret: names to values. Empty values count as missing.
#[derive(Clone, Default)]
pub struct Variables {
    values: HashMap<String, String>,
}

impl Variables {
    /// The process's environment, and under it the secrets: the part of `APP_SECRETS_ID` that `secret_names` lists, and the
    /// credentials of `DATABASE_SECRET_ID`. Fails when a secret cannot be read or is malformed.
    pub async fn load(secret_names: &[&str]) -> anyhow::Result<Self> {
        let environment = Self::of_environment();
        let (app, database) = tokio::try_join!(
            environment.secret("APP_SECRETS_ID"),
            environment.secret("DATABASE_SECRET_ID"),
        )?;
        environment.over(app, secret_names).over_database(database)
    }

    /// The process's environment alone.
    pub fn of_environment() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The secret whose name or ARN the variable holds; empty where it holds none.
    async fn secret(&self, variable: &str) -> anyhow::Result<HashMap<String, String>> {
        match self.get(variable) {
            // The SDK's future is large, and every way to the database would carry it.
            Some(id) => Box::pin(secrets::read(id)).await,
            None => Ok(HashMap::new()),
        }
    }

    /// Takes what is missing from the application's secret.
    fn over(mut self, secret: HashMap<String, String>, names: &[&str]) -> Self {
        for (name, value) in secret {
            let known = COMMON_SECRETS.contains(&name.as_str()) || names.contains(&name.as_str());
            if known && self.get(&name).is_none() {
                self.values.insert(name, value);
            }
        }
        self
    }

    /// Takes what is missing from the database's secret. One that RDS keeps and rotates has `username` and `password` in
    /// place of the address, which then comes without them.
    fn over_database(self, secret: HashMap<String, String>) -> anyhow::Result<Self> {
        let credentials = secret
            .get("username")
            .cloned()
            .zip(secret.get("password").cloned());
        let mut variables = self.over(secret, &[]);
        if let Some((user, password)) = credentials
            && let Some(url) = variables.get("DATABASE_URL")
        {
            let url = with_credentials(url, &user, &password)
                .context("the value of DATABASE_URL is not an address")?;
            variables.values.insert("DATABASE_URL".to_owned(), url);
        }
        Ok(variables)
    }

    /// The value of that name, where it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The parts of a comma-separated value, trimmed, empty ones dropped.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.get(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The value parsed, or `default` where it is not set. Fails where it does not parse, naming the variable only.
    pub fn parsed<T: FromStr>(&self, name: &str, default: T) -> anyhow::Result<T> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .parse()
                .map_err(|_| anyhow::anyhow!("the value of {name} is not of the right form")),
        }
    }

    /// `on` or `off`, `true` or `false`.
    pub fn switch(&self, name: &str, default: bool) -> anyhow::Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some("on" | "true" | "1") => Ok(true),
            Some("off" | "false" | "0") => Ok(false),
            Some(_) => anyhow::bail!("the value of {name} must be on or off"),
        }
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self {
            values: pairs.into_iter().collect(),
        }
    }
}

/// What all groups are configured by. A group's own settings are read from [`Config::variables`].
#[derive(Clone)]
pub struct Config {
    /// `NODE_ENV` is `production`.
    pub production: bool,
    /// `NODE_ENV`, `development` where it is not set.
    pub environment: String,
    /// Public origin without a path, e.g. `https://api.codecave.tech` (`BETTER_AUTH_URL`).
    pub base_url: String,
    /// Base of absolute addresses in answers (`PUBLIC_API_URL`, by default [`Config::base_url`]).
    pub public_url: String,
    /// Key of every signature (`BETTER_AUTH_SECRET`).
    pub secret: String,
    /// Names, attributes and signatures of cookies.
    pub cookies: Cookies,
    /// Origins that may send credentials: the list in code, `FRONTEND_URL` and `BETTER_AUTH_TRUSTED_ORIGINS`.
    pub trusted_origins: TrustedOrigins,
    /// Header that a trusted CDN puts the client's address in (`CLIENT_IP_HEADER`).
    pub client_ip_header: Option<String>,
    /// Users who count as admins whatever their role column says (`ADMIN_USER_IDS`).
    pub admin_user_ids: Vec<String>,
    /// Requests a window, by policy.
    pub quotas: Quotas,
    /// How to reach PostgreSQL.
    pub database: DatabaseConfig,
    /// Everything else, for a group's own settings.
    pub variables: Variables,
}

/// How to reach PostgreSQL.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// Primary (`DATABASE_WRITE_POOL_URL`, else `DATABASE_URL`).
    pub url: Option<String>,
    /// Replicas for anonymous reads, in order of preference.
    pub replica_urls: Vec<String>,
    /// Certificates, in PEM, that the server's may be issued by, beside the public authorities' (`DATABASE_CA`).
    pub authorities: Option<String>,
    /// Connections an instance may open (`DATABASE_MAX_CONNECTIONS`): 1 under Lambda, where one request is served at a
    /// time, else 10.
    pub max_connections: u32,
    /// Behind a transaction-mode pooler (`DATABASE_POOLER=transaction`): no session state, no named statements.
    pub transaction_pooler: bool,
    /// How long one statement may run.
    pub statement_timeout: Duration,
}

/// A number of requests in a window of seconds, after `RATE_LIMIT_<POLICY>` of the form `60/60`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests allowed in one window.
    pub requests: u32,
    /// Length of the window.
    pub seconds: u32,
}

impl FromStr for Quota {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (requests, seconds) = text
            .split_once('/')
            .context("a quota is REQUESTS/SECONDS")?;
        let quota = Self {
            requests: requests.trim().parse()?,
            seconds: seconds.trim().parse()?,
        };
        anyhow::ensure!(
            quota.requests > 0 && quota.seconds > 0,
            "a quota is above zero"
        );
        Ok(quota)
    }
}

/// The quotas of the application's routes; `/api/auth` has Better Auth's own.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// GET and HEAD with a credential, and counting views (`RATE_LIMIT_READ`).
    pub read: Quota,
    /// Anything anonymous, and failed credentials, by address (`RATE_LIMIT_ANON`).
    pub anon: Quota,
    /// POST, PUT and DELETE (`RATE_LIMIT_WRITE`).
    pub write: Quota,
    /// Creations, counted beside `write` (`RATE_LIMIT_CREATE`).
    pub create: Quota,
    /// The two Sentry test routes, by address (`RATE_LIMIT_SENTRY`).
    pub sentry: Quota,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            read: Quota {
                requests: 1200,
                seconds: 60,
            },
            anon: Quota {
                requests: 300,
                seconds: 60,
            },
            write: Quota {
                requests: 60,
                seconds: 60,
            },
            create: Quota {
                requests: 120,
                seconds: 3600,
            },
            sentry: Quota {
                requests: 5,
                seconds: 60,
            },
        }
    }
}

impl Config {
    /// Reads the configuration. In production every missing one of the common names and of `required` is reported in one
    /// error; otherwise in one logged warning. Values never appear in errors.
    pub fn read(variables: Variables, required: &[&str]) -> anyhow::Result<Self> {
        let environment = variables
            .get("NODE_ENV")
            .unwrap_or("development")
            .to_owned();
        let production = environment == "production";
        report_missing(&variables, required, production)?;

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
        let mut frontends = variables.list("FRONTEND_URL");
        if frontends.is_empty() {
            frontends.push("http://localhost:3000".to_owned());
        }
        let trusted_origins = TrustedOrigins::new(
            TRUSTED_ORIGINS
                .iter()
                .map(|origin| (*origin).to_owned())
                .chain([base_url.clone()])
                .chain(frontends)
                .chain(variables.list("BETTER_AUTH_TRUSTED_ORIGINS")),
        );
        let defaults = Quotas::default();
        Ok(Self {
            production,
            environment,
            cookies: Cookies::new(&secret, base_url.starts_with("https://")),
            secret,
            trusted_origins,
            public_url,
            base_url,
            client_ip_header: variables
                .get("CLIENT_IP_HEADER")
                .map(str::to_ascii_lowercase),
            admin_user_ids: variables.list("ADMIN_USER_IDS"),
            quotas: Quotas {
                read: variables.parsed("RATE_LIMIT_READ", defaults.read)?,
                anon: variables.parsed("RATE_LIMIT_ANON", defaults.anon)?,
                write: variables.parsed("RATE_LIMIT_WRITE", defaults.write)?,
                create: variables.parsed("RATE_LIMIT_CREATE", defaults.create)?,
                sentry: variables.parsed("RATE_LIMIT_SENTRY", defaults.sentry)?,
            },
            database: DatabaseConfig::read(&variables)?,
            variables,
        })
    }
}

impl DatabaseConfig {
    /// The same way to another server, e.g. a replica.
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
            ..self.clone()
        }
    }

    /// The database's part of the variables.
    pub fn read(variables: &Variables) -> anyhow::Result<Self> {
        let default_connections = if crate::serve::under_lambda() { 1 } else { 10 };
        let max_connections = variables
            .parsed("DATABASE_MAX_CONNECTIONS", default_connections)?
            .max(1);
        let transaction_pooler = match variables.get("DATABASE_POOLER") {
            None | Some("none") => false,
            Some("transaction") => true,
            Some(_) => anyhow::bail!("the value of DATABASE_POOLER must be transaction or none"),
        };
        Ok(Self {
            url: variables
                .get("DATABASE_WRITE_POOL_URL")
                .or_else(|| variables.get("DATABASE_URL"))
                .map(str::to_owned),
            replica_urls: [
                "DATABASE_READ_REPLICA_PRIMARY_URL",
                "DATABASE_READ_REPLICA_EAST_URL",
            ]
            .iter()
            .filter_map(|name| variables.get(name))
            .map(str::to_owned)
            .collect(),
            authorities: variables.get("DATABASE_CA").map(str::to_owned),
            max_connections,
            transaction_pooler,
            statement_timeout: Duration::from_secs(5),
        })
    }
}

fn report_missing(
    variables: &Variables,
    required: &[&str],
    production: bool,
) -> anyhow::Result<()> {
    let missing: Vec<&str> = COMMON_REQUIRED
        .iter()
        .chain(required)
        .filter(|name| variables.get(name).is_none())
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let sentence = format!(
        "Missing required environment variables: {}",
        missing.join(", ")
    );
    anyhow::ensure!(!production, sentence);
    tracing::warn!("{sentence}");
    Ok(())
}

/// The address with these credentials in place of its own.
fn with_credentials(url: &str, user: &str, password: &str) -> Option<String> {
    let encode = |text| percent_encoding::utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut url = url::Url::parse(url).ok()?;
    url.set_username(&encode(user)).ok()?;
    url.set_password(Some(&encode(password))).ok()?;
    Some(url.into())
}

/// The origin of an address variable: scheme, host and port, without a path.
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

/// The network that a client address is counted under: IPv6 clients own a whole /64.
pub fn client_network(address: std::net::IpAddr) -> String {
    match address.to_canonical() {
        std::net::IpAddr::V4(address) => address.to_string(),
        address @ std::net::IpAddr::V6(_) => IpNet::new(address, 64).map_or_else(
            |_| address.to_string(),
            |network| network.trunc().addr().to_string(),
        ),
    }
}

/// Secrets stay out of every debug output.
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
    fn production_refuses_a_secret_that_everybody_knows() {
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
    fn a_malformed_value_is_named_and_not_shown() {
        for name in [
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

    #[test]
    fn the_environment_wins_over_the_secret_unless_it_is_empty() {
        let secret = [
            ("NODE_ENV", "x"),
            ("FRONTEND_URL", "x"),
            ("REDIS_URL", "x"),
            ("OTHERS", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));

        let merged = variables(&[("FRONTEND_URL", "mine"), ("REDIS_URL", "")])
            .over(secret.into(), &["NODE_ENV"]);

        assert_eq!(merged.get("FRONTEND_URL"), Some("mine"));
        assert_eq!(merged.get("REDIS_URL"), Some("x"));
        assert_eq!(merged.get("NODE_ENV"), Some("x"));
        assert_eq!(merged.get("OTHERS"), None, "it is another group's");
    }

    #[test]
    fn credentials_that_rds_keeps_complete_the_address() {
        use sqlx::ConnectOptions as _;

        let secret = [("username", "codecave"), ("password", "a/b:c@d%41#?&+ é")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = "postgres://db.example:5432/codecave?sslmode=verify-full";

        let merged = variables(&[("DATABASE_URL", url)])
            .over_database(secret.into())
            .unwrap();

        let options: sqlx::postgres::PgConnectOptions =
            merged.get("DATABASE_URL").unwrap().parse().unwrap();
        assert_eq!(options.get_host(), "db.example");
        assert_eq!(options.get_username(), "codecave");
        assert_eq!(options.get_database(), Some("codecave"));
        let expected = options.clone().password("a/b:c@d%41#?&+ é");
        assert_eq!(options.to_url_lossy(), expected.to_url_lossy());
    }

    #[test]
    fn ipv6_clients_are_counted_by_their_network() {
        let network = |text: &str| client_network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
