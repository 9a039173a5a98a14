//! The variables that the configuration is read from: the environment and the deployment's secrets.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
};

use anyhow::Context;
use percent_encoding::NON_ALPHANUMERIC;

use super::names;

/// Addresses of the database's servers.
const ADDRESSES: [&str; 4] = [
    "DATABASE_URL",
    "DATABASE_WRITE_POOL_URL",
    "DATABASE_READ_REPLICA_PRIMARY_URL",
    "DATABASE_READ_REPLICA_EAST_URL",
];

/// Names and their values. An empty value counts as missing.
#[derive(Clone, Default)]
pub struct Variables {
    values: HashMap<String, String>,
    unknown: BTreeSet<String>,
}

impl Variables {
    /// Returns the variables of the process's environment.
    pub fn of_environment() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Adds the values of the application's secret. Variables that are set keep their value. Names of single groups are
    /// ignored unless they are in `names`. Unknown names are ignored and remembered.
    pub fn with_secret(mut self, secret: HashMap<String, String>, names: &[&str]) -> Self {
        for (name, value) in secret {
            if names::COMMON.contains(&name.as_str()) || names.contains(&name.as_str()) {
                if self.get(&name).is_none() {
                    self.values.insert(name, value);
                }
            } else if !names::OF_GROUPS.contains(&name.as_str()) {
                self.unknown.insert(name);
            }
        }
        self
    }

    /// Returns the names in the application's secret that no group uses.
    pub fn unknown_names(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }

    /// Adds the values of the database's secret. Variables that are set keep their value. A secret that RDS manages has
    /// `username` and `password` instead of the address; they replace those of `DATABASE_URL`, and complete the other
    /// addresses that name this user or none.
    pub fn with_database_secret(self, mut secret: HashMap<String, String>) -> anyhow::Result<Self> {
        let credentials = secret.remove("username").zip(secret.remove("password"));
        // RDS adds names of its own, such as `engine`.
        secret.retain(|name, _| names::COMMON.contains(&name.as_str()));
        let mut variables = self.with_secret(secret, &[]);
        let Some((user, password)) = credentials else {
            return Ok(variables);
        };
        for name in ADDRESSES {
            let Some(url) = variables.get(name) else {
                continue;
            };
            let url = url::Url::parse(url)
                .with_context(|| format!("the value of {name} is not an address"))?;
            let encoded_user = encode(&user);
            if name == "DATABASE_URL" || [&encoded_user, ""].contains(&url.username()) {
                let url = with_credentials(url, &encoded_user, &encode(&password))
                    .with_context(|| format!("the value of {name} is not an address"))?;
                variables.values.insert(name.to_owned(), url);
            }
        }
        Ok(variables)
    }

    /// Returns the value of that name if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the parts of a comma-separated value, trimmed and without the empty ones.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.get(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Returns the parsed value, or `default` if the variable is not set.
    ///
    /// # Errors
    /// The value does not parse. The error names the variable and not the value.
    pub fn parsed<T: FromStr>(&self, name: &str, default: T) -> anyhow::Result<T> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .parse()
                .map_err(|_| anyhow::anyhow!("the value of {name} is malformed")),
        }
    }

    /// Reads `on`, `true`, `1` or `off`, `false`, `0`.
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
            unknown: BTreeSet::new(),
        }
    }
}

/// Replaces the credentials of an address.
fn with_credentials(mut url: url::Url, user: &str, password: &str) -> Option<String> {
    url.set_username(user).ok()?;
    url.set_password(Some(password)).ok()?;
    Some(url.into())
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions as _;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_environment_takes_precedence_over_the_secret_unless_it_is_empty() {
        let secret = [
            ("MEILI_HOST", "x"),
            ("FRONTEND_URL", "x"),
            ("REDIS_URL", "x"),
            ("METRICS_TOKEN", "x"),
            ("SERVER_TIMNG", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));

        let merged = variables(&[("FRONTEND_URL", "mine"), ("REDIS_URL", "")])
            .with_secret(secret.into(), &["MEILI_HOST"]);

        assert_eq!(merged.get("FRONTEND_URL"), Some("mine"));
        assert_eq!(merged.get("REDIS_URL"), Some("x"));
        assert_eq!(merged.get("MEILI_HOST"), Some("x"));
        assert_eq!(merged.get("METRICS_TOKEN"), None, "another group uses it");
        assert_eq!(merged.get("SERVER_TIMNG"), None);
        assert_eq!(merged.unknown_names().collect::<Vec<_>>(), ["SERVER_TIMNG"]);
    }

    #[test]
    fn credentials_that_rds_manages_complete_the_address() {
        let secret = [("username", "codecave"), ("password", "a/b:c@d%41#?&+ é")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = "postgres://db.example:5432/codecave?sslmode=verify-full";

        let merged = variables(&[("DATABASE_URL", url)])
            .with_database_secret(secret.into())
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
    fn credentials_that_rds_manages_complete_the_replicas_of_the_same_user() {
        let secret = [("username", "codecave"), ("password", "new")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));

        let merged = variables(&[
            ("DATABASE_URL", "postgres://db.example/codecave"),
            (
                "DATABASE_READ_REPLICA_PRIMARY_URL",
                "postgres://codecave:old@one.example/codecave",
            ),
            (
                "DATABASE_READ_REPLICA_EAST_URL",
                "postgres://reader:own@two.example/codecave",
            ),
        ])
        .with_database_secret(secret.into())
        .unwrap();

        assert_eq!(
            merged.get("DATABASE_READ_REPLICA_PRIMARY_URL"),
            Some("postgres://codecave:new@one.example/codecave")
        );
        assert_eq!(
            merged.get("DATABASE_READ_REPLICA_EAST_URL"),
            Some("postgres://reader:own@two.example/codecave")
        );
    }
}
