//! The configuration of PostgreSQL.

use std::time::Duration;

use super::{
    runtime::{lambda_concurrency, under_lambda},
    variables::Variables,
};

/// The configuration of PostgreSQL.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// Address of the primary (`DATABASE_WRITE_POOL_URL`, otherwise `DATABASE_URL`).
    pub url: Option<String>,
    /// Addresses of the replicas for anonymous reads, in order of preference.
    pub replica_urls: Vec<String>,
    /// Certificates in PEM that are trusted in addition to the public certificate authorities (`DATABASE_CA`).
    pub authorities: Option<String>,
    /// Maximum number of connections per instance (`DATABASE_MAX_CONNECTIONS`). The default is 10, and under Lambda the
    /// number of requests that an instance serves at a time, if that is less.
    pub max_connections: u32,
    /// The pooler in front of the server (`DATABASE_POOLER`).
    pub pooler: Pooler,
    /// Maximum run time of one statement.
    pub statement_timeout: Duration,
    /// Maximum time that a statement waits for a lock.
    pub lock_timeout: Duration,
    /// Maximum time between two statements of a transaction.
    pub idle_in_transaction_timeout: Duration,
}

/// The pooler in front of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// No pooler. The limits are options of each connection.
    None,
    /// A transaction-mode pooler that keeps named statements (`transaction`): RDS Proxy, or PgBouncer from 1.21.
    /// Nothing sets session state, which would bind a connection of the pooler to this client. The limits are settings
    /// of the role.
    Transaction,
    /// An older transaction-mode pooler (`transaction-unnamed`). Each statement runs unnamed in a transaction of its own.
    TransactionUnnamed,
}

impl DatabaseConfig {
    /// Reads the variables.
    pub fn read(variables: &Variables) -> anyhow::Result<Self> {
        let default_connections = if under_lambda() {
            lambda_concurrency().min(10)
        } else {
            10
        };
        let max_connections = variables
            .parsed("DATABASE_MAX_CONNECTIONS", default_connections)?
            .max(1);
        let pooler = match variables.get("DATABASE_POOLER") {
            None | Some("none") => Pooler::None,
            Some("transaction") => Pooler::Transaction,
            Some("transaction-unnamed") => Pooler::TransactionUnnamed,
            Some(_) => anyhow::bail!(
                "the value of DATABASE_POOLER must be transaction, transaction-unnamed or none"
            ),
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
            pooler,
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(4),
            idle_in_transaction_timeout: Duration::from_secs(10),
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
