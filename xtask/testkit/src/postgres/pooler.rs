//! A PgBouncer in transaction mode in front of a server.

use std::{fs, net::TcpListener, os::unix::fs::chown, path::PathBuf, process::Stdio};

use anyhow::{Context as _, bail};
use tokio::process::Command;
use url::Url;

use super::home;
use crate::{
    process::{Group, listening},
    programs,
};

/// A running PgBouncer; dropping it ends it.
pub struct PgBouncer {
    group: Group,
    port: u16,
}

impl PgBouncer {
    /// Starts one in front of the server of that address, with at most `connections` to each of its databases. `None` where
    /// it is not on this machine.
    pub async fn start(server: &str, connections: u32) -> anyhow::Result<Option<Self>> {
        // Debian keeps servers where only root looks for programs.
        let program = programs::find("pgbouncer")
            .or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|path| path.exists()));
        let Some(program) = program else {
            return Ok(None);
        };
        let server = Url::parse(server)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let user = home::server_user()?;
        let home = home::make("pgbouncer", user)?;
        let settings = home.join(format!("{port}.ini"));
        fs::write(&settings, configuration(&server, port, connections))?;
        let log = home.join(format!("{port}.log"));
        let output = fs::File::create(&log)?;
        let mut command = Command::new(program);
        command
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(output)
            .kill_on_drop(true);
        // It refuses to run as root, as PostgreSQL does.
        if let Some(user) = user {
            chown(&settings, Some(user.uid), Some(user.gid))?;
            command.uid(user.uid).gid(user.gid);
        }
        let mut pooler = Self {
            group: Group::spawn(&mut command)?,
            port,
        };
        tokio::select! {
            outcome = listening(port) => outcome.context("PgBouncer does not start")?,
            status = pooler.group.wait() => {
                bail!("PgBouncer ended: {}\n{}", status?, fs::read_to_string(log)?)
            }
        }
        Ok(Some(pooler))
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database of the server by way of the pooler.
    pub fn url(&self, database: &str) -> anyhow::Result<String> {
        let mut url = Url::parse(database)?;
        url.set_port(Some(self.port))
            .ok()
            .context("the address of a database has a port")?;
        Ok(url.into())
    }
}

/// <https://www.pgbouncer.org/config.html>. `any` takes every name for the one that is set.
fn configuration(server: &Url, port: u16, connections: u32) -> String {
    format!(
        "[databases]\n\
         * = host={} port={} user={}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         max_client_conn = 1000\n\
         default_pool_size = {connections}\n\
         server_idle_timeout = 1\n",
        server.host_str().unwrap_or("127.0.0.1"),
        server.port().unwrap_or(5432),
        server.username(),
    )
}
