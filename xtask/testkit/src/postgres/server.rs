//! The server that a process uses.

use std::{
    fmt,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
};

use anyhow::{Context as _, bail, ensure};

use crate::{cargo::cargo, target, workspace};

/// The database of a local server.
const DATABASE: &str = "codecave";

/// One of the local servers. Each has data and a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Keeps its data.
    Dev,
    /// Does not wait for the disk. It may lose all data if the machine crashes.
    Stored,
    /// Like `Stored`. If there is enough memory, its data is there, and is removed when the server stops.
    Test,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Stored => "stored",
            Self::Test => "test",
        })
    }
}

impl FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        match name {
            "dev" => Ok(Self::Dev),
            "stored" => Ok(Self::Stored),
            "test" => Ok(Self::Test),
            _ => bail!("`{name}` is none of `dev`, `stored` and `test`"),
        }
    }
}

/// A database server in use. A local one stops when no process uses it.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    keeper: Option<Child>,
}

impl Postgres {
    /// Returns the database of `DATABASE_URL` or, without that variable, the database `codecave` of the local server.
    pub fn obtain(server: Server) -> anyhow::Result<Self> {
        match Self::given() {
            Some(given) => Ok(given),
            None => Self::start(server, &std::env::current_exe()?),
        }
    }

    /// Returns the database of `DATABASE_URL`.
    pub fn given() -> Option<Self> {
        let url = std::env::var("DATABASE_URL").ok()?;
        (!url.is_empty()).then_some(Self { url, keeper: None })
    }

    /// Starts the local server, even if `DATABASE_URL` is set. `xtask` is the program of the developers' commands.
    pub fn start(server: Server, xtask: &Path) -> anyhow::Result<Self> {
        let mut keeper = Command::new(xtask)
            .arg("keep-postgres")
            .arg(server.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C must not reach the keeper, which has to stop the server.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} cannot be run", xtask.display()))?;
        let mut answer = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut answer)?;
        }
        let Ok(port) = answer.trim().parse::<u16>() else {
            keeper.wait()?;
            bail!("PostgreSQL cannot be started: {}", reason(&answer));
        };
        Ok(Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}"),
            keeper: Some(keeper),
        })
    }

    /// Returns the address of the database. On a local server the database may not exist; `migrate` creates it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address of an existing database, for statements that create databases.
    pub fn admin_url(&self) -> String {
        match self.url.strip_suffix(DATABASE) {
            Some(server) if self.is_local() => format!("{server}postgres"),
            _ => self.url.clone(),
        }
    }

    /// Returns whether the server is a local one.
    pub fn is_local(&self) -> bool {
        self.keeper.is_some()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            drop(keeper.stdin.take());
            if let Err(error) = keeper.wait() {
                eprintln!("PostgreSQL may still be running: {error}");
            }
        }
    }
}

/// Returns the program of the developers' commands, for a test that starts a keeper. Builds it if it is missing.
pub fn keeper_program() -> anyhow::Result<PathBuf> {
    // Tests are in the folder `deps` beside the program, examples in `examples`.
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent);
    let beside = folder.context("a test is in a folder")?.join("xtask");
    if beside.is_file() {
        return Ok(beside);
    }
    // Tests whose coverage is measured have a folder of their own, which lacks the program.
    eprintln!("Building xtask, which starts the local PostgreSQL …");
    let status = Command::new(cargo())
        .args(["build", "--workspace", "--bin", "xtask"])
        .current_dir(workspace())
        .status()
        .context("cargo cannot be run")?;
    ensure!(status.success(), "xtask cannot be built");
    Ok(target().join("debug/xtask"))
}

/// Returns the line in which the keeper reports why there is no port.
fn reason(answer: &str) -> &str {
    match answer.trim() {
        "" => "its keeper ended without a word",
        answer => answer,
    }
}
