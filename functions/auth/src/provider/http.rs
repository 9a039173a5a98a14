//! The HTTP client for the providers. It follows no redirects, and limits time and size.

use std::{pin::Pin, sync::OnceLock, time::Duration};

use anyhow::Context;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use shared::telemetry;
use tokio::time::{Instant, timeout_at};

/// Why a request to a provider failed. The text is for the log.
pub type Failure = anyhow::Error;

/// Timeout of all requests to a provider that one request to us needs.
pub const TIME_LIMIT: Duration = Duration::from_secs(8);

const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(3);
/// Maximum size of a response.
const MAX_BYTES: usize = 1024 * 1024;
/// The value of the Node deployment. GitHub rejects requests without a user agent.
const USER_AGENT: &str = "better-auth";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the request timed out")]
    Timeout,
    #[error("the response is too large")]
    TooLarge,
    #[error(transparent)]
    Request(#[from] reqwest::Error),
}

/// A client that is created when it is first needed. Most requests need none.
#[derive(Debug, Default)]
pub struct Http(OnceLock<reqwest::Client>);

impl Http {
    fn client(&self) -> Result<&reqwest::Client, HttpError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME_LIMIT)
            .timeout(TIME_LIMIT)
            .user_agent(USER_AGENT)
            .build()?;
        Ok(self.0.get_or_init(|| client))
    }

    /// Returns a client whose requests time out at `deadline`.
    pub fn until(&self, deadline: Instant) -> DeadlineClient<'_> {
        DeadlineClient {
            http: self,
            deadline,
        }
    }

    /// Sends a `GET` for JSON, with a bearer token if there is one. Fails unless the status is a success.
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: &str,
        bearer: Option<&str>,
        deadline: Instant,
    ) -> Result<T, Failure> {
        let mut request = self.client()?.get(url).header("accept", "application/json");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let request = request.build()?;
        let response = timeout_at(deadline, self.exchange(request))
            .await
            .map_err(|_| HttpError::Timeout)??;
        anyhow::ensure!(
            response.status().is_success(),
            "{url} returned {}",
            response.status()
        );
        // The parser's message may quote the response.
        serde_json::from_slice(response.body())
            .ok()
            .with_context(|| format!("{url} returned an unexpected response"))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<HttpResponse, HttpError> {
        let _span = telemetry::span("http.client", &description(&request));
        let mut response = self.client()?.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

/// Describes a request, without the query, which may contain codes.
fn description(request: &reqwest::Request) -> String {
    let url = request.url();
    let host = url.host_str().unwrap_or_default();
    format!("{} {host}{}", request.method(), url.path())
}

/// The client in the form of the `oauth2` crate.
pub struct DeadlineClient<'h> {
    http: &'h Http,
    deadline: Instant,
}

impl<'c> AsyncHttpClient<'c> for DeadlineClient<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)?;
            timeout_at(self.deadline, self.http.exchange(request))
                .await
                .map_err(|_| HttpError::Timeout)?
        })
    }
}
