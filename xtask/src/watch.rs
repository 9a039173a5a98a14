//! Runs all five functions behind one address with `cargo lambda watch`.

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

/// A path of each function. Each responds without a credential, although some with 401.
const PROBES: [&str; 5] = [
    "/health",
    "/api/auth/ok",
    "/users/profile",
    "/projects",
    "/feed",
];

/// Maximum time until the functions respond. They are already built, but another cargo may hold the lock.
const START_TIMEOUT: Duration = Duration::from_mins(10);

/// A running `cargo lambda watch`. Dropping it stops it and the functions.
pub struct Watch {
    group: Group,
    url: String,
}

impl Watch {
    /// Starts `cargo lambda watch` on a port of this machine. The functions receive `configuration` and no other. All
    /// output goes to `log`. Changes of the sources are ignored.
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
            .args(["--concurrency", "2", "--ignore-changes"])
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Self {
            group: Group::spawn(&mut command)?,
            url: format!("http://localhost:{port}"),
        })
    }

    /// Waits until each function responds. Fails if `cargo lambda watch` ends before.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let url = self.url.clone();
        tokio::select! {
            outcome = answers(&url) => outcome,
            outcome = self.ended() => outcome,
        }
    }

    /// Waits until `cargo lambda watch` ends by itself, and returns an error.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        let status = self.group.wait().await?;
        bail!("cargo lambda watch ended: {status}");
    }
}

/// Waits until each function responds at this address.
pub async fn answers(url: &str) -> anyhow::Result<()> {
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(START_TIMEOUT)
        .build()?;
    try_join_all(PROBES.map(|path| answer(&client, format!("{url}{path}")))).await?;
    Ok(())
}

async fn answer(client: &Client, address: String) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
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

/// Fails if another program uses the port. The error names `option`, which chooses another port.
pub fn claim(port: u16, option: &str) -> anyhow::Result<()> {
    std::net::TcpListener::bind(("127.0.0.1", port))
        .map(drop)
        .with_context(|| {
            format!("port {port} is in use by another program; end that, or choose another with {option}")
        })
}
