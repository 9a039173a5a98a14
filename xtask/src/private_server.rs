//! A PostgreSQL server for one user, which may change its settings.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::tls::Certificate;

/// A server with data of its own, unlike the shared servers. The server ends and its data is removed when this is dropped.
pub struct PrivateServer {
    folder: PathBuf,
    keeper: Child,
    pub port: u16,
}

impl PrivateServer {
    /// Starts a server. `xtask` is the program of the developers' commands.
    pub fn start(xtask: &Path) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("xtask-postgres-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder)?;
        let mut keeper = Command::new(xtask)
            .args(["keep-postgres", "stored"])
            .env("CARGO_TARGET_DIR", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be run", xtask.display()))?;
        let mut port = String::new();
        if let Some(output) = keeper.stdout.take() {
            BufReader::new(output).read_line(&mut port)?;
        }
        let port = port.trim();
        Ok(Self {
            port: port
                .parse()
                .with_context(|| format!("PostgreSQL cannot be started: {port}"))?,
            folder,
            keeper,
        })
    }

    /// The address of a database for the superuser, who needs no password.
    pub fn address(&self, host: &str, database: &str) -> String {
        format!("postgres://postgres@{host}:{}/{database}", self.port)
    }

    /// Connects to a database as the superuser.
    pub async fn connect_to(&self, database: &str) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.address("127.0.0.1", database)).await?)
    }

    /// Returns the value of a setting, given as `show …`.
    pub async fn show(&self, setting: &'static str) -> anyhow::Result<String> {
        let mut connection = self.connect_to("postgres").await?;
        Ok(sqlx::query_scalar(setting)
            .fetch_one(&mut connection)
            .await?)
    }

    /// Returns the number that the query counts.
    pub async fn count(&self, query: &'static str) -> anyhow::Result<i64> {
        let mut connection = self.connect_to("postgres").await?;
        Ok(sqlx::query_scalar(query).fetch_one(&mut connection).await?)
    }

    /// Executes statements of the superuser.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let mut connection = self.connect_to("postgres").await?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// Enables TLS with the certificate.
    pub async fn enable_tls(&self, certificate: &Certificate) -> anyhow::Result<()> {
        let data = PathBuf::from(self.show("show data_directory").await?);
        let owner = fs::metadata(&data)?;
        for (name, text) in [
            ("server.crt", &certificate.certificate),
            ("server.key", &certificate.key),
        ] {
            let file = data.join(name);
            fs::write(&file, text)?;
            fs::set_permissions(&file, Permissions::from_mode(0o600))?;
            chown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        self.execute("alter system set ssl = on").await?;
        self.execute("select pg_reload_conf()").await
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // The keeper stops the server at the end of its input.
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln!("PostgreSQL may still be running: {error}");
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} was not removed: {error}", self.folder.display());
        }
    }
}
