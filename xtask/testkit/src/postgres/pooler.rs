//! PgBouncer in transaction mode, in front of a server.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail};
use tokio::process::Command;
use url::Url;

use super::home;
use crate::{
    ports::free_port,
    process::{Group, listening},
    programs,
};

/// Names the variable with the path of a PgBouncer that is used instead of the installed one.
const PROGRAM: &str = "TEST_PGBOUNCER";

/// The first version that supports named statements in transaction mode.
const KEEPS_STATEMENTS: (u32, u32) = (1, 21);

/// A running PgBouncer. Dropping it ends it.
pub struct PgBouncer {
    group: Group,
    port: u16,
    keeps_statements: bool,
}

impl PgBouncer {
    /// Starts PgBouncer in front of a server, with at most `connections` to each of its databases. The program is that of
    /// `TEST_PGBOUNCER`, or the installed one. Returns `None` if there is none.
    pub async fn start(server: &str, connections: u32) -> anyhow::Result<Option<Self>> {
        // Debian installs servers in a folder that is on root's `PATH` only.
        let program = std::env::var_os(PROGRAM)
            .map(PathBuf::from)
            .or_else(|| programs::find("pgbouncer"))
            .or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|path| path.exists()));
        let Some(program) = program else {
            return Ok(None);
        };
        let keeps_statements = version(&program).await? >= KEEPS_STATEMENTS;
        let server = Url::parse(server)?;
        let port = free_port()?;
        let user = home::server_user()?;
        let home = home::make("pgbouncer", user)?;
        let settings = home.join(format!("{port}.ini"));
        let mut configuration = configuration(&server, port, connections);
        if keeps_statements {
            configuration.push_str("max_prepared_statements = 200\n");
        }
        fs::write(&settings, configuration)?;
        let log = home.join(format!("{port}.log"));
        let output = fs::File::create(&log)?;
        let mut command = Command::new(program);
        command
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(output)
            .kill_on_drop(true);
        // PgBouncer refuses to run as root, as PostgreSQL does.
        if let Some(user) = user {
            chown(&settings, Some(user.uid), Some(user.gid))?;
            command.uid(user.uid).gid(user.gid);
        }
        let mut pooler = Self {
            group: Group::spawn(&mut command)?,
            port,
            keeps_statements,
        };
        tokio::select! {
            outcome = listening(port) => outcome.context("PgBouncer does not start")?,
            status = pooler.group.wait() => {
                bail!("PgBouncer ended: {}\n{}", status?, fs::read_to_string(log)?)
            }
        }
        Ok(Some(pooler))
    }

    /// Returns its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the supported values of `DATABASE_POOLER`, the better one first.
    pub fn modes(&self) -> &'static [&'static str] {
        if self.keeps_statements {
            &["transaction", "transaction-unnamed"]
        } else {
            &["transaction-unnamed"]
        }
    }

    /// Returns the address of a database through the pooler.
    pub fn url(&self, database: &str) -> anyhow::Result<String> {
        let mut url = Url::parse(database)?;
        url.set_port(Some(self.port))
            .ok()
            .context("the address of a database has a port")?;
        Ok(url.into())
    }
}

/// Returns the version of a PgBouncer, whose first line is like `PgBouncer 1.18.0`.
async fn version(program: &Path) -> anyhow::Result<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = || {
        let mut numbers = text.split_whitespace().nth(1)?.split('.');
        let mut number = || numbers.next()?.parse().ok();
        Some((number()?, number()?))
    };
    version().with_context(|| format!("{} does not print its version: {text}", program.display()))
}

/// <https://www.pgbouncer.org/config.html>. With `any`, every user name is accepted and replaced by the configured one.
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
