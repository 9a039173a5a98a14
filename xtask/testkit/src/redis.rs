//! Real servers with Redis's protocol.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use crate::{
    ports::free_port,
    process::{Group, listening},
    programs,
};

/// Names of the programs of Redis and Valkey.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// A running server that stores nothing on disk. Dropping it ends it.
pub struct RedisServer {
    group: Group,
    name: String,
    port: u16,
}

impl RedisServer {
    /// Starts each server that is installed. If there is none, prints a message, or returns an error under `CI`.
    pub async fn start_all() -> anyhow::Result<Vec<Self>> {
        let mut servers = Vec::new();
        for program in PROGRAMS.iter().filter_map(programs::find) {
            servers.push(Self::start(&program).await?);
        }
        if servers.is_empty() {
            ensure!(
                std::env::var_os("CI").is_none(),
                "neither Redis nor Valkey is on this machine"
            );
            eprintln!(
                "Neither Redis nor Valkey is on this machine (Debian: redis-server): a test is skipped"
            );
        }
        Ok(servers)
    }

    async fn start(program: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let name = program.file_name().map(PathBuf::from).unwrap_or_default();
        let mut server = Self {
            group: Group::spawn(&mut command)?,
            name: name.display().to_string(),
            port,
        };
        tokio::select! {
            outcome = listening(port) => {
                outcome.with_context(|| format!("{} does not start", server.name))?;
            }
            status = server.group.wait() => bail!("{} ended: {}", server.name, status?),
        }
        Ok(server)
    }

    /// Returns the name of the program.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address of the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}
