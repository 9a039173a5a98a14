//! The variables that the configuration is read from: the environment and the deployment's secrets.

use std::{collections::HashMap, str::FromStr};

use anyhow::Context;
use percent_encoding::NON_ALPHANUMERIC;

/// Names that every group may take from the application's secret, in addition to the group's own names.
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

/// Names and their values. An empty value counts as missing.
#[derive(Clone, Default)]
pub struct Variables {
    values: HashMap<String, String>,
}

impl Variables {
    /// Returns the variables of the process's environment.
    pub fn of_environment() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Adds the values of the application's secret. Variables that are set keep their value. Names other than the common
    /// ones and `names` are ignored.
    pub fn with_secret(mut self, secret: HashMap<String, String>, names: &[&str]) -> Self {
        for (name, value) in secret {
            let known = COMMON_SECRETS.contains(&name.as_str()) || names.contains(&name.as_str());
            if known && self.get(&name).is_none() {
                self.values.insert(name, value);
            }
        }
        self
    }

    /// Adds the values of the database's secret. Variables that are set keep their value. A secret that RDS manages has
    /// `username` and `password` instead of the address; they replace those of `DATABASE_URL`.
    pub fn with_database_secret(self, secret: HashMap<String, String>) -> anyhow::Result<Self> {
        let credentials = secret
            .get("username")
            .cloned()
            .zip(secret.get("password").cloned());
        let mut variables = self.with_secret(secret, &[]);
        if let Some((user, password)) = credentials
            && let Some(url) = variables.get("DATABASE_URL")
        {
            let url = with_credentials(url, &user, &password)
                .context("the value of DATABASE_URL is not an address")?;
            variables.values.insert("DATABASE_URL".to_owned(), url);
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
                .map_err(|_| anyhow::anyhow!("the value of {name} is not of the right form")),
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
        }
    }
}

/// Replaces the credentials of an address.
fn with_credentials(url: &str, user: &str, password: &str) -> Option<String> {
    let encode = |text| percent_encoding::utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut url = url::Url::parse(url).ok()?;
    url.set_username(&encode(user)).ok()?;
    url.set_password(Some(&encode(password))).ok()?;
    Some(url.into())
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
    fn the_environment_wins_over_the_secret_unless_it_is_empty() {
        let secret = [
            ("NODE_ENV", "x"),
            ("FRONTEND_URL", "x"),
            ("REDIS_URL", "x"),
            ("OTHERS", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));

        let merged = variables(&[("FRONTEND_URL", "mine"), ("REDIS_URL", "")])
            .with_secret(secret.into(), &["NODE_ENV"]);

        assert_eq!(merged.get("FRONTEND_URL"), Some("mine"));
        assert_eq!(merged.get("REDIS_URL"), Some("x"));
        assert_eq!(merged.get("NODE_ENV"), Some("x"));
        assert_eq!(merged.get("OTHERS"), None, "it belongs to another group");
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
}
