//! The variables of `.env` and of the environment.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use tokio::process::Command;

/// Prefixes of the variables that configure the functions.
const CONFIGURATION: &[&str] = &[
    "ADMIN_USER_IDS",
    "API_KEY_RATE_LIMIT_",
    "APP_SECRETS_ID",
    "AUTH_RATE_LIMIT",
    "AWS_",
    "BETTER_AUTH_",
    "CLIENT_IP_HEADER",
    "COOKIE_SAME_SITE",
    "DATABASE_",
    "DO_SPACES_",
    "FRONTEND_URL",
    "GITHUB_",
    "GOOGLE_",
    "HTTP_",
    "MEILI_HOST",
    "METRICS_",
    "NODE_ENV",
    "PORT",
    "PUBLIC_API_URL",
    "RATE_LIMIT_",
    "REDIS_",
    "S3_",
    "SENTRY_",
    "TRUSTED_PROXY_SECRET",
];

/// Removes the configuration of the functions from the command's environment, so that tests do not depend on it.
pub fn without_configuration(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if CONFIGURATION.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
}

/// Values by name. An empty value counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Reads the variables of the file, if it exists, and of the environment. The environment takes precedence.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let mut values = BTreeMap::new();
        if file.exists() {
            for pair in dotenvy::from_path_iter(file)? {
                let (name, value) = pair.with_context(|| format!("{}", file.display()))?;
                values.insert(name, value);
            }
        }
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        values.extend(environment.filter(|(_, value)| !value.is_empty()));
        values.retain(|_, value| !value.is_empty());
        Ok(Self(values))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets the variable if it is missing.
    pub fn set_default(&mut self, name: &str, value: &str) {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
    }

    /// Returns all names and values.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_takes_precedence_over_the_file_and_empty_values_count_as_missing() {
        let file = std::env::temp_dir().join(format!("xtask-variables-{}", std::process::id()));
        let text = "# a comment\nPATH=nowhere\nFROM_FILE='two words'\nGITHUB_CLIENT_ID=\n";
        std::fs::write(&file, text).unwrap();

        let variables = Variables::read(&file).unwrap();

        std::fs::remove_file(&file).unwrap();
        assert_eq!(variables.get("FROM_FILE"), Some("two words"));
        assert_ne!(variables.get("PATH"), Some("nowhere"));
        assert_eq!(variables.get("GITHUB_CLIENT_ID"), None);
        let nothing = Variables::read(Path::new("/nowhere/.env")).unwrap();
        assert_eq!(nothing.get("FROM_FILE"), None);
    }
}
