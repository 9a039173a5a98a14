//! A local Sentry whose envelopes are checked for secrets.

use std::{ops::Deref, time::Duration};

use serde_json::Value;
use testkit::{
    ingest::{self, Envelope},
    leaks::Secrets,
};

/// A running server. Dropping it ends it.
pub struct Ingest(ingest::Ingest);

impl Ingest {
    pub async fn start() -> Self {
        Self::slow(Duration::ZERO).await
    }

    /// Starts a server that waits before each response.
    pub async fn slow(delay: Duration) -> Self {
        Self(ingest::Ingest::slow(delay).await.unwrap())
    }

    /// Starts a server that responds with 500 to the first requests.
    pub async fn failing(times: usize) -> Self {
        Self(ingest::Ingest::failing(times).await.unwrap())
    }

    /// Returns the received envelopes. Panics if they contain a text that looks like a secret.
    pub fn envelopes(&self) -> Vec<Envelope> {
        Secrets::default().check("events", &self.text()).unwrap();
        self.0.envelopes().unwrap()
    }

    fn items(&self, kind: &str) -> Vec<Value> {
        self.envelopes()
            .into_iter()
            .flat_map(|envelope| envelope.items)
            .filter(|(found, _)| found == kind)
            .map(|(_, item)| item)
            .collect()
    }

    pub fn events(&self) -> Vec<Value> {
        self.items("event")
    }

    pub fn transactions(&self) -> Vec<Value> {
        self.items("transaction")
    }

    /// Returns the received log records of Sentry.
    pub fn logs(&self) -> Vec<Value> {
        self.items("log")
            .iter()
            .flat_map(|batch| batch["items"].as_array().unwrap().clone())
            .collect()
    }
}

impl Deref for Ingest {
    type Target = ingest::Ingest;

    fn deref(&self) -> &ingest::Ingest {
        &self.0
    }
}
