//! The HTTP client for the providers: no redirects, limits of time and size.

use std::{pin::Pin, sync::OnceLock, time::Duration};

use anyhow::Context;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use shared::telemetry;
use tokio::time::{Instant, timeout_at};

use super::Failure;

const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const MAX_BYTES: usize = 1024 * 1024;
/// GitHub refuses requests without one; this is the one of the Node deployment.
const USER_AGENT: &str = "better-auth";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no answer in time")]
    Timeout,
    #[error("the answer is too large")]
    TooLarge,
    #[error(transparent)]
    Request(#[from] reqwest::Error),
}

/// A client that is made when it is first needed: most requests need none.
#[derive(Debug, Default)]
pub struct Http(OnceLock<reqwest::Client>);

impl Http {
    fn client(&self) -> Result<&reqwest::Client, Error> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME_LIMIT)
            .timeout(super::TIME_LIMIT)
            .user_agent(USER_AGENT)
            .build()?;
        Ok(self.0.get_or_init(|| client))
    }

    /// The client of a flow that must be through at `deadline`.
    pub fn until(&self, deadline: Instant) -> Until<'_> {
        Until {
            http: self,
            deadline,
        }
    }

    /// `GET` of JSON, with a bearer token where there is one. Only a success counts.
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
            .map_err(|_| Error::Timeout)??;
        anyhow::ensure!(
            response.status().is_success(),
            "{url} answered {}",
            response.status()
        );
        // The parser's words may quote the answer.
        serde_json::from_slice(response.body())
            .ok()
            .with_context(|| format!("{url} answered something else than was expected"))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<HttpResponse, Error> {
        let _span = telemetry::span("http.client", &told(&request));
        let mut response = self.client()?.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(Error::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

/// What is told of a request: not the query, which may hold codes.
fn told(request: &reqwest::Request) -> String {
    let url = request.url();
    let host = url.host_str().unwrap_or_default();
    format!("{} {host}{}", request.method(), url.path())
}

/// The client as the `oauth2` crate wants it.
pub struct Until<'h> {
    http: &'h Http,
    deadline: Instant,
}

impl<'c> AsyncHttpClient<'c> for Until<'_> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)?;
            timeout_at(self.deadline, self.http.exchange(request))
                .await
                .map_err(|_| Error::Timeout)?
        })
    }
}
