//! Child processes that leave no process behind.

use std::{
    env,
    ffi::OsString,
    io,
    process::{ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use tokio::{
    net::TcpStream,
    process::{Child, ChildStderr, ChildStdout, Command},
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// Time that a group has to end after SIGTERM, and after SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// Time that a child has to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The variable that says where a program writes the counters of its lines, while coverage is measured. Processes whose
/// environment is cleared need it.
pub fn counters() -> Option<(&'static str, OsString)> {
    const FILE: &str = "LLVM_PROFILE_FILE";
    env::var_os(FILE).map(|file| (FILE, file))
}

/// Runs `work` until it ends, or until Ctrl-C or SIGTERM, which cancels it.
pub async fn unless_stopped<T>(work: impl Future<Output = T>) -> io::Result<Option<T>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        outcome = work => Some(outcome),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    })
}

/// Waits until a process listens on this port of this machine.
pub async fn listening(port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        ensure!(Instant::now() < deadline, "nothing listens on port {port}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A child in its own process group, which Ctrl-C in the terminal does not reach. Dropping it ends the group.
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

    /// Returns the child's standard output, if it is piped. Only the first call returns it.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Returns the child's standard error, if it is piped. Only the first call returns it.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Returns whether a process of the group is alive. Reaps the child, because a zombie would count.
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

/// Returns the processor time of this process. Unlike the time on a clock, it does not grow while other processes run.
///
/// # Panics
///
/// If the system has no such clock.
pub fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .expect("the system has this clock")
        .into()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    fn exists(process: i32) -> bool {
        nix::sys::signal::kill(Pid::from_raw(process), None) != Err(Errno::ESRCH)
    }

    #[tokio::test]
    async fn dropping_a_group_ends_the_children_of_the_child() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).unwrap();
        let mut lines = BufReader::new(group.stdout().unwrap()).lines();
        let grandchild: i32 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        assert!(exists(grandchild));

        drop(group);

        assert!(!exists(grandchild));
    }

    #[tokio::test]
    async fn dropping_a_group_that_has_ended_does_nothing() {
        let mut group = Group::spawn(&mut Command::new("true")).unwrap();
        assert!(group.wait().await.unwrap().success());

        let dropped = Instant::now();
        drop(group);

        assert!(dropped.elapsed() < GRACE);
    }
}
