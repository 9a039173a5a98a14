//! The API in one process, and a client that measures its answers.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use reqwest::{Client, header};
use testkit::{
    ports::free_port,
    process::{Group, listening},
    target,
};
use tokio::process::Command;

use crate::{bench, variables::without_configuration, watch};

/// The running API. Dropping it stops the process.
pub struct ReadsServer {
    url: String,
    client: Client,
    _process: Group,
}

/// An answer with its time and the query of the next page.
pub struct TimedAnswer {
    pub time: Duration,
    pub next: Option<String>,
}

impl ReadsServer {
    pub async fn start(codecave: &Path, database: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let url = format!("http://localhost:{port}");
        let log = File::create(target().join("reads.log"))?;
        let mut command = Command::new(codecave);
        without_configuration(&mut command);
        command
            .arg("all")
            .envs(bench::variables(database, &url, ""))
            .env("NODE_ENV", "test")
            .env("PORT", port.to_string())
            .env("RUST_LOG", "warn")
            .stdout(log.try_clone()?)
            .stderr(log);
        let process = Group::spawn(&mut command)?;
        listening(port).await?;
        watch::answers(&url).await?;
        Ok(Self {
            url,
            client: Client::builder().no_proxy().build()?,
            _process: process,
        })
    }

    /// Sends a request, which must succeed.
    pub async fn get(&self, path: &str, is_signed_in: bool) -> anyhow::Result<TimedAnswer> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if is_signed_in {
            request = request.header(header::COOKIE, bench::COOKIE.replace("__Secure-", ""));
        }
        let start = Instant::now();
        let answer = request.send().await?;
        let status = answer.status();
        let next = answer
            .headers()
            .get(header::LINK)
            .and_then(|link| Some(link.to_str().ok()?.split_once('>')?.0[1..].to_owned()));
        answer.bytes().await?;
        let time = start.elapsed();
        ensure!(status.is_success(), "GET {path} is answered with {status}");
        Ok(TimedAnswer { time, next })
    }
}
