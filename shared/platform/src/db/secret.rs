//! Reads the addresses from the secrets again, after a rotation.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{connect::connect_options, pool::Pool};
use crate::{config::DatabaseConfig, secrets};

/// Minimum interval between two reads while the database rejects the password.
const INTERVAL: Duration = Duration::from_secs(5);

/// The secrets that the addresses of the pools come from.
pub(super) struct AddressSecret {
    names: &'static [&'static str],
    production: bool,
    last: Mutex<Option<LastRead>>,
}

#[derive(Clone, Copy)]
struct LastRead {
    at: Instant,
    succeeded: bool,
}

impl AddressSecret {
    /// `names` are those of [`secrets::load`].
    pub fn new(names: &'static [&'static str], production: bool) -> Self {
        Self {
            names,
            production,
            last: Mutex::new(None),
        }
    }

    /// Reads the secrets and sets the options of the pools. Returns whether another attempt to connect may succeed.
    /// Concurrent calls wait for one read, and calls within the interval return its result, also if it failed.
    pub async fn read_again(&self, primary: &Pool, replicas: impl Iterator<Item = &Pool>) -> bool {
        let mut last = self.last.lock().await;
        if let Some(last) = *last
            && last.at.elapsed() < INTERVAL
        {
            return last.succeeded;
        }
        let read = self.read(primary, replicas).await;
        if let Err(error) = &read {
            tracing::error!(error = %format_args!("{error:#}"), "the secret cannot be read again");
        }
        *last = Some(LastRead {
            at: Instant::now(),
            succeeded: read.is_ok(),
        });
        read.is_ok()
    }

    async fn read(
        &self,
        primary: &Pool,
        replicas: impl Iterator<Item = &Pool>,
    ) -> anyhow::Result<()> {
        let variables = secrets::load(self.names).await?;
        let config = DatabaseConfig::read(&variables)?;
        primary.set_options(connect_options(&config, self.production)?);
        for (replica, url) in replicas.zip(&config.replica_urls) {
            replica.set_options(connect_options(&config.at(url), self.production)?);
        }
        Ok(())
    }
}
