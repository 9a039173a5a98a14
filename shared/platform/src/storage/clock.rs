//! The clock of the storage, which rejects signatures with a wrong time.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;

/// Difference of the clocks, in seconds, from which a rejected request is signed again.
const MAX_SKEW: i64 = 30;

/// The difference between this machine's clock and the storage's, as far as it is known.
pub(super) struct StorageClock {
    /// Seconds by which the storage's clock is ahead.
    ahead: AtomicI64,
}

impl StorageClock {
    /// Creates a clock that agrees with this machine's.
    pub const fn new() -> Self {
        Self {
            ahead: AtomicI64::new(0),
        }
    }

    /// Returns the time by which the storage's clock is ahead.
    pub fn ahead(&self) -> TimeDelta {
        TimeDelta::seconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Returns the time on the storage's clock.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.ahead()
    }

    /// Sets the clock from the `Date` of a response that rejects a request. Returns whether the request was signed with
    /// another time, which was `ahead` of this machine's.
    pub fn follow(&self, date: Option<&HeaderValue>, ahead: TimeDelta) -> bool {
        let date = date
            .and_then(|date| date.to_str().ok())
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let Some(date) = date else {
            return false;
        };
        let seconds = (date.to_utc() - Utc::now()).num_seconds();
        self.ahead.store(seconds, Ordering::Relaxed);
        let differs = (seconds - ahead.num_seconds()).abs() > MAX_SKEW;
        if differs {
            tracing::warn!(
                seconds,
                "the storage's clock is ahead by so many seconds, and rejects earlier signatures"
            );
        }
        differs
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use reqwest::Client;
    use testkit::storage::LocalStorage;

    use super::{
        super::{Storage, sign::SignedUrl},
        *,
    };
    use crate::config::StorageConfig;

    /// A storage that assumes that the server's clock is ahead by so many seconds.
    fn storage(server: &LocalStorage, seconds: i64) -> Storage {
        let variables = server.variables().into_iter();
        let variables = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let storage = Storage::new(StorageConfig::read(&variables).unwrap().unwrap());
        storage.0.clock.ahead.store(seconds, Ordering::Relaxed);
        storage
    }

    async fn put(signed: SignedUrl) -> u16 {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client
            .put(signed.url)
            .header("content-type", "text/plain")
            .body("hello");
        request.send().await.unwrap().status().as_u16()
    }

    async fn get(signed: SignedUrl) -> u16 {
        let client = Client::builder().no_proxy().build().unwrap();
        client
            .get(signed.url)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    #[tokio::test]
    async fn a_clock_that_is_off_is_corrected_by_a_rejected_request() {
        let Some(server) = LocalStorage::for_tests() else {
            return;
        };
        // The server accepts signatures of the future.
        for (seconds, status) in [(-600, 403), (600, 200)] {
            let storage = storage(server, seconds);
            let upload = || storage.upload_url("late", "text/plain", 5).unwrap();
            assert_eq!(put(upload()).await, status, "{seconds}");

            let found = join_all((0..8).map(|_| storage.exists("nothing"))).await;

            for found in found {
                assert!(!found.unwrap(), "{seconds}");
            }
            let is_corrected = storage.0.clock.ahead().num_seconds().abs() < 5;
            assert_eq!(is_corrected, status == 403, "{seconds}");
            assert_eq!(put(upload()).await, 200, "{seconds}");
        }
    }

    /// The storage assumes a clock that is behind, so that its URLs are older than they seem.
    #[tokio::test]
    async fn the_server_rejects_expired_urls() {
        let Some(server) = LocalStorage::for_tests() else {
            return;
        };
        for (age, status) in [(570, 200), (610, 403)] {
            let signed = storage(server, -age)
                .upload_url("upload", "text/plain", 5)
                .unwrap();
            let rest = (signed.expires_at - Utc::now()).num_seconds();
            assert!((599..=600).contains(&rest), "{rest}");
            assert_eq!(put(signed).await, status, "{age}");
        }
        for (age, status) in [(270, 200), (310, 403)] {
            let signed = storage(server, -age).download_url("upload", None).unwrap();
            assert_eq!(get(signed).await, status, "{age}");
        }
    }
}
