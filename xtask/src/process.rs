//! Child processes that leave nothing behind.

use std::{
    process::{ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::{Child, Command};

/// How long a group may take to end after SIGTERM, and after SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// A child in a process group of its own, away from the terminal's Ctrl-C. Dropping it ends the whole group.
pub struct Group {
    child: Child,
    id: Pid,
}

impl Group {
    /// Starts the command without standard input.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.as_std().get_program().to_owned();
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be run", name.display()))?;
        let id = child.id().context("the process ended at once")?;
        Ok(Self {
            child,
            id: Pid::from_raw(id.try_into()?),
        })
    }

    /// Waits until the child ends.
    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Waits until the child ends, and collects what it writes to standard output.
    pub async fn output(&mut self) -> anyhow::Result<Output> {
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            tokio::io::AsyncReadExt::read_to_end(&mut pipe, &mut stdout).await?;
        }
        Ok(Output {
            status: self.wait().await?,
            stdout,
            stderr: Vec::new(),
        })
    }

    /// Whether a process of the group is left. Reaps the child, which would count otherwise.
    fn is_alive(&mut self) -> bool {
        let _ = self.child.try_wait();
        killpg(self.id, None) != Err(Errno::ESRCH)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if !self.is_alive() {
                return;
            }
            let deadline = Instant::now() + GRACE;
            let _ = killpg(self.id, signal);
            while self.is_alive() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
