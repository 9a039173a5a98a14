//! A PostgreSQL for development and tests: the one of `DATABASE_URL`, or a server that lives as long as it is used.
//!
//! Every process that uses the local server has a keeper: this program again, in a process group of its own, waiting for
//! its standard input to end. However the process ends, even by `SIGKILL`, its keeper notices, and the last one stops the
//! server.

mod binaries;
mod home;
mod keeper;
mod pooler;

use std::{
    fmt, io,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};

pub use keeper::keep;
pub use pooler::PgBouncer;

/// Which of the local servers. They have their own data and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
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

/// A database server in use. A local one stops with the last of these.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    keeper: Option<Child>,
}

impl Postgres {
    /// The database of `DATABASE_URL` or, without that variable, the database `codecave` of the local server.
    pub fn obtain(server: Server) -> anyhow::Result<Self> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => Ok(Self { url, keeper: None }),
            _ => Self::start(server, &std::env::current_exe()?),
        }
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
            url: format!("postgres://postgres@127.0.0.1:{port}/codecave"),
            keeper: Some(keeper),
        })
    }

    /// Address of the database. On a local server it may have to be created, which `migrate` does.
    pub fn url(&self) -> &str {
        &self.url
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

/// The keeper tells the port, or else why it has none.
fn reason(answer: &str) -> &str {
    match answer.trim() {
        "" => "its keeper ended without a word",
        answer => answer,
    }
}

/// Runs a command to its end; what it said is part of the error.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("{} is not on this machine", name.display())
        }
        Err(error) => return Err(error).with_context(|| format!("{} failed", name.display())),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(said.trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    bail!(
        "{} failed: {} {}",
        name.display(),
        said.trim(),
        complaint.trim()
    );
}
