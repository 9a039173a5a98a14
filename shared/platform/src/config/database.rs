//! How to reach PostgreSQL.

use std::time::Duration;

use super::{runtime::under_lambda, variables::Variables};

/// How to reach PostgreSQL.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// Address of the primary (`DATABASE_WRITE_POOL_URL`, otherwise `DATABASE_URL`).
    pub url: Option<String>,
    /// Addresses of the replicas for anonymous reads, in order of preference.
    pub replica_urls: Vec<String>,
    /// Certificates in PEM that are trusted in addition to the public certificate authorities (`DATABASE_CA`).
    pub authorities: Option<String>,
    /// Maximum number of connections per instance (`DATABASE_MAX_CONNECTIONS`). The default is 1 under Lambda, where an
    /// instance serves one request at a time, and 10 elsewhere.
    pub max_connections: u32,
    /// Whether a transaction-mode pooler is in front of the server (`DATABASE_POOLER=transaction`). Then the session has
    /// no state and no named statements.
    pub transaction_pooler: bool,
    /// Maximum run time of one statement.
    pub statement_timeout: Duration,
}

impl DatabaseConfig {
    /// Reads the variables.
    pub fn read(variables: &Variables) -> anyhow::Result<Self> {
        let default_connections = if under_lambda() { 1 } else { 10 };
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

    /// Returns the same configuration for another server, for example a replica.
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
            ..self.clone()
        }
    }
}
