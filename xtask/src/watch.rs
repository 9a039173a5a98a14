//! The bundle under `cargo lambda watch`: all five functions behind one address.

use std::{ffi::OsStr, fs::File, time::Duration};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use reqwest::{Client, redirect::Policy};
use testkit::{process::Group, workspace};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{tools, variables::without_configuration};

/// A path of each function that answers without a credential, if only with 401.
const PROBES: [&str; 5] = [
    "/health",
    "/api/auth/ok",
    "/users/profile",
    "/projects",
    "/feed",
];

/// How long the functions may take to answer. They are built by then, but another cargo may hold the lock.
const PATIENCE: Duration = Duration::from_mins(10);

/// A running `cargo lambda watch`; dropping it ends it and the functions.
pub struct Watch {
    group: Group,
    url: String,
}

impl Watch {
    /// Starts it on that port of this machine, with that configuration and no other. Its output and that of the functions
    /// goes into `log`. Changes of the sources are ignored.
    pub async fn start(
        port: u16,
        configuration: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
        log: File,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(tools::cargo_lambda().await?);
        without_configuration(&mut command);
        command
            .args(["lambda", "watch", "--disable-cors"])
            .args(["--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string()])
            .envs(configuration)
            .current_dir(workspace());
        command
            .args(["--concurrency", "4", "--ignore-changes"])
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Self {
            group: Group::spawn(&mut command)?,
            url: format!("http://localhost:{port}"),
        })
    }

    /// The address of the API, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until each function answers.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let url = self.url.clone();
        tokio::select! {
            outcome = answers(&url) => outcome,
            outcome = self.ended() => outcome,
        }
    }

    /// Waits until it ends of itself, which is a failure.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        let status = self.group.wait().await?;
        bail!("cargo lambda watch ended: {status}");
    }
}

/// Waits until each function answers at that address.
pub async fn answers(url: &str) -> anyhow::Result<()> {
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .build()?;
    try_join_all(PROBES.map(|path| answer(&client, format!("{url}{path}")))).await?;
    Ok(())
}

async fn answer(client: &Client, address: String) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let problem = match client.get(&address).send().await {
            Ok(answer) if !answer.status().is_server_error() => return Ok(()),
            Ok(answer) => format!("answers {}", answer.status()),
            Err(error) => format!("does not answer: {error}"),
        };
        if Instant::now() > deadline {
            bail!("{address} {problem}");
        }
        sleep(Duration::from_millis(300)).await;
    }
}

/// Fails with one sentence where another program has the port.
pub fn claim(port: u16, option: &str) -> anyhow::Result<()> {
    std::net::TcpListener::bind(("127.0.0.1", port))
        .map(drop)
        .with_context(|| {
            format!("port {port} is in use by another program; end that, or choose another with {option}")
        })
}
