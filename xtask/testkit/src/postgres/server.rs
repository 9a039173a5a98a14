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

use crate::{cargo::cargo, workspace};

/// The database of a local server.
const DATABASE: &str = "codecave";

/// Which of the local servers. They have their own data and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Keeps what was written to it.
    Dev,
    /// Does not wait for the disk, and may lose everything in a crash of the machine.
    Test,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Test => "test",
        })
    }
}

impl FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        match name {
            "dev" => Ok(Self::Dev),
            "test" => Ok(Self::Test),
            _ => bail!("`{name}` is neither `dev` nor `test`"),
        }
    }
}

/// A database server in use. A local one stops with the last of these.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    keeper: Option<Child>,
}

impl Postgres {
    /// The database of `DATABASE_URL` or, without that variable, the database `codecave` of the local server.
    pub fn obtain(server: Server) -> anyhow::Result<Self> {
        match Self::given() {
            Some(given) => Ok(given),
            None => Self::start(server, &std::env::current_exe()?),
        }
    }

    /// The database of `DATABASE_URL`.
    pub fn given() -> Option<Self> {
        let url = std::env::var("DATABASE_URL").ok()?;
        (!url.is_empty()).then_some(Self { url, keeper: None })
    }

    /// The local server, whatever `DATABASE_URL` says. `xtask` is the program of these commands.
    pub fn start(server: Server, xtask: &Path) -> anyhow::Result<Self> {
        let mut keeper = Command::new(xtask)
            .arg("keep-postgres")
            .arg(server.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for this process; the keeper has work to do afterwards.
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

    /// Address of the database. On a local server it may have to be created, which `migrate` does.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Address of a database that exists, from which others are created.
    pub fn admin_url(&self) -> String {
        match self.url.strip_suffix(DATABASE) {
            Some(server) if self.is_local() => format!("{server}postgres"),
            _ => self.url.clone(),
        }
    }

    /// Whether the server is one that these commands started.
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

/// The program of the developers' commands, for a test that starts a keeper. Builds it if it is missing.
pub fn keeper_program() -> anyhow::Result<PathBuf> {
    // Tests are in `deps` beside it, examples in `examples`.
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent);
    let program = folder.context("a test is in a folder")?.join("xtask");
    if !program.is_file() {
        eprintln!("Building xtask, which starts the local PostgreSQL …");
        let status = Command::new(cargo())
            .args(["build", "--workspace", "--bin", "xtask"])
            .current_dir(workspace())
            .status()
            .context("cargo cannot be run")?;
        ensure!(status.success(), "xtask cannot be built");
    }
    Ok(program)
}

/// The keeper tells the port, or else why it has none.
fn reason(answer: &str) -> &str {
    match answer.trim() {
        "" => "its keeper ended without a word",
        answer => answer,
    }
}
