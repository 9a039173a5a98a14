//! Object storage: any bucket with Amazon's S3 protocol.
//!
//! Every request has a signed URL, both those of this program and those of clients, so there is one way to sign.

mod breaker;
mod clock;
mod removal;
mod sign;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use reqwest::{Client, Response, redirect::Policy};
use url::Url;

use self::{breaker::FailureBreaker, clock::StorageClock, sign::sign_url};
pub use self::{
    removal::{Removal, remove_objects},
    sign::SignedUrl,
};
use crate::{config::StorageConfig, telemetry};

/// Lifetime of a URL for an upload.
pub const UPLOAD_LIFETIME: Duration = Duration::from_mins(10);
/// Lifetime of a redirect to an object.
const DOWNLOAD_LIFETIME: Duration = Duration::from_mins(5);
/// Lifetime of the signatures of this program's own requests.
const REQUEST_LIFETIME: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout of a whole request, which transfers at most 10 MiB. Two of them fit into the timeout of a request to the API.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

/// The bucket. Cloning it is cheap.
#[derive(Clone)]
pub struct Storage(Arc<StorageState>);

struct StorageState {
    config: StorageConfig,
    /// Created when it is needed, because most requests need none.
    client: OnceLock<Client>,
    breaker: FailureBreaker,
    clock: StorageClock,
}

impl Storage {
    /// Creates a client of the configured bucket. Sends nothing.
    pub fn new(config: StorageConfig) -> Self {
        Self(Arc::new(StorageState {
            config,
            client: OnceLock::new(),
            breaker: FailureBreaker::new(),
            clock: StorageClock::new(),
        }))
    }

    /// Signs a URL with which a client may `PUT` an object of exactly that type and size.
    pub fn upload_url(
        &self,
        key: &str,
        content_type: &str,
        size: u64,
    ) -> anyhow::Result<SignedUrl> {
        let size = size.to_string();
        let headers = [
            ("content-length", size.as_str()),
            ("content-type", content_type),
        ];
        self.sign(&Method::PUT, &self.url(key)?, &headers, UPLOAD_LIFETIME)
    }

    /// Signs a URL with which a client may `GET` an object, with this `Content-Disposition`.
    pub fn download_url(&self, key: &str, disposition: Option<&str>) -> anyhow::Result<SignedUrl> {
        let mut url = self.url(key)?;
        if let Some(disposition) = disposition {
            let encoded = percent_encoding::utf8_percent_encode(
                disposition,
                percent_encoding::NON_ALPHANUMERIC,
            );
            url.set_query(Some(&format!("response-content-disposition={encoded}")));
        }
        self.sign(&Method::GET, &url, &[], DOWNLOAD_LIFETIME)
    }

    /// Returns whether an object exists.
    pub async fn exists(&self, key: &str) -> anyhow::Result<bool> {
        self.watched(async {
            let response = self.send(Method::HEAD, &self.url(key)?, None).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(false);
            }
            succeeded(response).map(|_| true)
        })
        .await
    }

    /// Reads an object. Returns `None` if it does not exist. If it is larger than `limit`, reading stops shortly after
    /// the limit.
    pub async fn get(&self, key: &str, limit: usize) -> anyhow::Result<Option<Vec<u8>>> {
        self.watched(async {
            let response = self.send(Method::GET, &self.url(key)?, None).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let mut response = succeeded(response)?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(without_url)? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > limit {
                    break;
                }
            }
            Ok(Some(bytes))
        })
        .await
    }

    /// Writes an object.
    pub async fn put(
        &self,
        key: &str,
        content_type: &'static str,
        bytes: Bytes,
    ) -> anyhow::Result<()> {
        self.watched(async {
            let object = Some((content_type, bytes));
            let response = self.send(Method::PUT, &self.url(key)?, object).await?;
            succeeded(response).map(drop)
        })
        .await
    }

    /// Deletes an object. Succeeds if it does not exist.
    pub async fn delete(&self, key: &str) -> anyhow::Result<()> {
        self.watched(async {
            let response = self.send(Method::DELETE, &self.url(key)?, None).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(());
            }
            succeeded(response).map(drop)
        })
        .await
    }

    /// Checks that the storage responds and accepts the credentials, by a request for an object that need not exist.
    pub async fn check(&self) -> anyhow::Result<()> {
        let response = self.send(Method::GET, &self.url("health")?, None).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        succeeded(response).map(drop)
    }

    fn url(&self, key: &str) -> anyhow::Result<Url> {
        let mut url = self.0.config.bucket_url.clone();
        url.path_segments_mut()
            .ok()
            .context("the storage's address has no path")?
            .pop_if_empty()
            .extend(key.split('/'));
        Ok(url)
    }

    fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(&str, &str)],
        lifetime: Duration,
    ) -> anyhow::Result<SignedUrl> {
        let clock = &self.0.clock;
        let mut signed = sign_url(&self.0.config, clock.now(), method, url, headers, lifetime)?;
        signed.expires_at -= clock.ahead();
        Ok(signed)
    }

    /// Sends a request. Retries it once if it was rejected and the storage's clock differs.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        object: Option<(&'static str, Bytes)>,
    ) -> anyhow::Result<Response> {
        let ahead = self.0.clock.ahead();
        let response = self.send_once(method.clone(), url, object.clone()).await?;
        let date = response.headers().get(header::DATE);
        if response.status() == StatusCode::FORBIDDEN && self.0.clock.follow(date, ahead) {
            return self.send_once(method, url, object).await;
        }
        Ok(response)
    }

    async fn send_once(
        &self,
        method: Method,
        url: &Url,
        object: Option<(&'static str, Bytes)>,
    ) -> anyhow::Result<Response> {
        let _span = telemetry::span("http.client", &format!("{method} {}", url.path()));
        let content_type = object.as_ref().map(|(content_type, _)| *content_type);
        let headers: Vec<(&str, &str)> = content_type
            .map(|content_type| ("content-type", content_type))
            .into_iter()
            .collect();
        let signed = self.sign(&method, url, &headers, REQUEST_LIFETIME)?;
        let mut request = self.client()?.request(method, signed.url);
        if let Some((content_type, body)) = object {
            request = request
                .header(header::CONTENT_TYPE, content_type)
                .body(body);
        }
        request.send().await.map_err(without_url)
    }

    /// Runs a request, unless the breaker is open.
    async fn watched<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        ensure!(
            self.0.breaker.allows(),
            "the storage has failed several times and is left alone for a moment"
        );
        let result = work.await;
        self.0.breaker.record(result.is_ok());
        result
    }

    fn client(&self) -> anyhow::Result<&Client> {
        if let Some(client) = self.0.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        Ok(self.0.client.get_or_init(|| client))
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Storage").field(&self.0.config).finish()
    }
}

/// Removes the URL from an error, because a signed URL is a credential.
fn without_url(error: reqwest::Error) -> anyhow::Error {
    anyhow::Error::from(error.without_url()).context("the storage cannot be reached")
}

fn succeeded(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if !status.is_success() {
        bail!("the storage answered {status}");
    }
    Ok(response)
}
