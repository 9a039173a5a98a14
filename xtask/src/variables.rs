//! The variables of `.env` beneath those of the environment.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;

/// Names to values; an empty value counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of the file, if it exists, and of the environment, which wins.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let mut values = BTreeMap::new();
        if file.exists() {
            for pair in dotenvy::from_path_iter(file)? {
                let (name, value) = pair.with_context(|| format!("{}", file.display()))?;
                values.insert(name, value);
            }
        }
        values.extend(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        values.retain(|_, value| !value.is_empty());
        Ok(Self(values))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets what is missing.
    pub fn default(&mut self, name: &str, value: &str) {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
    }

    /// All of them.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }
}
