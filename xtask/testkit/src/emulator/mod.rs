//! An emulated Lambda instance: a built binary as a child process, with a Runtime API of its own.
//!
//! Unlike a plain server, the emulator serves one request at a time, reports the result of the init phase, and can freeze
//! the process when the runtime and all extensions wait.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use testkit::emulator::Instance;
//!
//! let health = Instance::start("target/debug/health".as_ref(), &[("NODE_ENV", "test")]).await?;
//! let answer = health.invoke(&serde_json::json!({ "version": "2.0" })).await?;
//! println!("{:?}: {}", answer.duration, answer.response);
//! # Ok(())
//! # }
//! ```

mod api;

use std::{
    io,
    net::Ipv4Addr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::body::Bytes;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::Command,
    sync::{Mutex as AsyncMutex, watch},
    task::JoinHandle,
    time::timeout,
};

use api::{Answer, Api, TIME_LIMIT};

/// Time between SIGTERM and SIGKILL for an instance with internal extensions.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

/// A process that serves invocations. Dropping it kills the process.
pub struct Instance {
    api: api::SharedApi,
    server: JoinHandle<()>,
    watcher: JoinHandle<()>,
    exited: watch::Receiver<Option<ExitStatus>>,
    pid: Pid,
    init: Duration,
    logs: Arc<Mutex<Vec<String>>>,
    /// Lets one invocation run at a time.
    turn: AsyncMutex<()>,
}

/// The result of an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub response: Value,
    /// Time from sending the event until the response is received.
    pub duration: Duration,
}

/// The reason why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The function reported an error. API Gateway responds with 500.
    #[error("the function failed: {0}")]
    Function(Value),
    #[error("the process ended: {0}")]
    Exited(ExitStatus),
    #[error("no answer within {TIME_LIMIT:?}")]
    TimedOut,
    #[error("the answer is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
}

impl Instance {
    /// Starts the binary with only these variables and Lambda's own, and waits for the end of its init phase.
    pub async fn start(binary: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_with_output(binary, variables, Stdio::piped).await
    }

    /// Like [`Self::start`], but the process inherits standard output and standard error instead of filling [`Self::logs`].
    pub async fn start_in_view(binary: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_with_output(binary, variables, Stdio::inherit).await
    }

    async fn start_with_output(
        binary: &Path,
        variables: &[(&str, &str)],
        output: fn() -> Stdio,
    ) -> anyhow::Result<Self> {
        let name = binary
            .file_name()
            .and_then(|name| name.to_str())
            .context("the binary's name is not UTF-8")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let api = Api::new(name);
        let router = api::router(api.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });

        let started = Instant::now();
        let mut child = Command::new(binary)
            .env_clear()
            .envs(crate::process::counters())
            .envs(lambda_variables(name, &address))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let pid = child.id().context("the process ended at once")?;
        let logs = Arc::default();
        keep(child.stdout.take(), &logs);
        keep(child.stderr.take(), &logs);
        let (exit, exited) = watch::channel(None);
        let watcher = tokio::spawn(async move {
            if let Ok(status) = child.wait().await {
                exit.send_replace(Some(status));
            }
        });

        let mut instance = Self {
            api,
            server,
            watcher,
            exited,
            pid: Pid::from_raw(pid.try_into()?),
            init: Duration::ZERO,
            logs,
            turn: AsyncMutex::new(()),
        };
        instance
            .settled()
            .await
            .with_context(|| format!("{name} did not start:\n{}", instance.logs().join("\n")))?;
        let first_next = instance.api.first_next().unwrap_or(started);
        instance.init = first_next - started;
        Ok(instance)
    }

    /// Returns the time from the process's start to its first request for an invocation.
    pub fn init(&self) -> Duration {
        self.init
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Returns the lines that the process has written to standard output and standard error.
    pub fn logs(&self) -> Vec<String> {
        self.logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until the instance is settled, sends the event, and waits for the response.
    pub async fn invoke(&self, event: &Value) -> Result<Invocation, Failure> {
        let (body, duration) = self.invoke_raw(event.to_string().into()).await?;
        let response = serde_json::from_slice(&body)?;
        Ok(Invocation { response, duration })
    }

    /// Sends the event at once, so that the instance has several invocations at a time.
    pub async fn invoke_beside(&self, event: &Value) -> Result<Invocation, Failure> {
        let started = Instant::now();
        let answered = self.api.invoke(event.to_string().into());
        match self.unless_exited(answered).await? {
            Ok(Answer::Response(body)) => Ok(Invocation {
                response: serde_json::from_slice(&body)?,
                duration: started.elapsed(),
            }),
            Ok(Answer::Error(error)) => Err(Failure::Function(error)),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Like [`Self::invoke`], without parsing JSON.
    pub async fn invoke_raw(&self, event: Bytes) -> Result<(Bytes, Duration), Failure> {
        let _turn = self.turn.lock().await;
        self.settled().await?;
        let started = Instant::now();
        let answered = self.api.invoke(event);
        let answer = self.unless_exited(answered).await?;
        match answer {
            Ok(Answer::Response(body)) => Ok((body, started.elapsed())),
            Ok(Answer::Error(error)) => Err(Failure::Function(error)),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Waits until the runtime and all extensions wait for the next event. At this moment Lambda freezes the instance.
    pub async fn settled(&self) -> Result<(), Failure> {
        self.unless_exited(self.api.settled())
            .await?
            .map_err(Failure::Function)
    }

    /// Waits until the instance is settled, and stops the process as Lambda does between invocations.
    pub async fn freeze(&self) -> anyhow::Result<()> {
        self.settled().await?;
        self.signal(Signal::SIGSTOP)
    }

    /// Continues a frozen process.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Ends the instance as Lambda does. An instance with extensions gets SIGTERM, and SIGKILL after half a
    /// second. Others get SIGKILL.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.thaw()?;
        if self.api.has_extensions() {
            self.signal(Signal::SIGTERM)?;
            if let Ok(status) = timeout(SHUTDOWN_LIMIT, exit_of(&mut self.exited)).await {
                return Ok(status);
            }
        }
        self.signal(Signal::SIGKILL)?;
        Ok(exit_of(&mut self.exited).await)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if let Some(status) = *self.exited.borrow() {
            return Err(Failure::Exited(status).into());
        }
        kill(self.pid, signal).with_context(|| format!("cannot send {signal}"))
    }

    async fn unless_exited<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut exited = self.exited.clone();
        tokio::select! {
            done = timeout(TIME_LIMIT, work) => done.map_err(|_| Failure::TimedOut),
            status = exit_of(&mut exited) => Err(Failure::Exited(status)),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The watcher owns the child, which is killed when dropped.
        self.watcher.abort();
        self.server.abort();
    }
}

async fn exit_of(exited: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    let status = exited.wait_for(Option::is_some).await.map(|status| *status);
    match status {
        Ok(status) => status.unwrap_or_default(),
        // The watcher was aborted, so the exit status is unknown.
        Err(_) => std::future::pending().await,
    }
}

/// The variables that Lambda sets: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
fn lambda_variables(name: &str, address: &str) -> [(&'static str, String); 14] {
    let text = str::to_owned;
    [
        ("AWS_LAMBDA_RUNTIME_API", text(address)),
        ("AWS_LAMBDA_FUNCTION_NAME", text(name)),
        ("AWS_LAMBDA_FUNCTION_VERSION", text("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", text("256")),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", text("on-demand")),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            text("2025/01/15/[$LATEST]emulated"),
        ),
        ("AWS_EXECUTION_ENV", text("AWS_Lambda_provided.al2023")),
        ("AWS_REGION", text("eu-central-1")),
        ("AWS_DEFAULT_REGION", text("eu-central-1")),
        ("LAMBDA_TASK_ROOT", text("/var/task")),
        ("_HANDLER", text("bootstrap")),
        ("TZ", text(":UTC")),
        ("PATH", text("/usr/local/bin:/usr/bin:/bin")),
    ]
}

/// Reads all output of the process, so that its writes do not block.
fn keep(output: Option<impl AsyncRead + Send + Unpin + 'static>, logs: &Arc<Mutex<Vec<String>>>) {
    let Some(output) = output else { return };
    let logs = logs.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).split(b'\n');
        while let io::Result::Ok(Some(line)) = lines.next_segment().await {
            logs.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(String::from_utf8_lossy(&line).into_owned());
        }
    });
}
