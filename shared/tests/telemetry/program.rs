//! The programs under test.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use serde_json::Value;
use testkit::{
    cargo::{cargo, executables},
    leaks::Secrets,
    ports::free_port,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::OnceCell,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::PATIENCE;

/// Variables of every program, equal to those in `testing`.
pub const COMMON: [(&str, &str); 6] = [
    (
        "BETTER_AUTH_SECRET",
        "reference-secret-for-tests-0123456789abcdef",
    ),
    ("BETTER_AUTH_URL", "http://localhost:3001"),
    ("NODE_ENV", "test"),
    // No read is sampled, so that equal requests execute equal statements.
    ("RATE_LIMIT_READ", "1000000000/60"),
    ("RATE_LIMIT_ANON", "1000000000/60"),
    ("RATE_LIMIT_SAMPLE", "30000000"),
];

/// Builds and returns a program: a function, or `examples/trouble.rs`.
pub async fn binary(name: &str) -> PathBuf {
    static TROUBLE: OnceCell<HashMap<String, PathBuf>> = OnceCell::const_new();
    static FUNCTIONS: OnceCell<HashMap<String, PathBuf>> = OnceCell::const_new();
    let programs = if name == "trouble" {
        TROUBLE
            .get_or_init(async || {
                let mut cargo = Command::new(cargo());
                cargo.args(["build", "--quiet", "--workspace", "--example=trouble"]);
                executables(&mut cargo).await.unwrap()
            })
            .await
    } else {
        FUNCTIONS
            .get_or_init(async || {
                let mut cargo = Command::new(cargo());
                cargo.args(["build", "--workspace", "--bins"]);
                executables(&mut cargo).await.unwrap()
            })
            .await
    };
    programs[name].clone()
}

/// A program that serves plain HTTP. Dropping it kills the process.
pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    client: Client,
    pub url: String,
}

impl Program {
    /// Starts a program with only these variables and [`COMMON`], and waits until it listens.
    pub async fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        let port = free_port().unwrap();
        Self::on_port(name, port, variables).await
    }

    pub async fn on_port(name: &str, port: u16, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary(name).await)
            .env_clear()
            .envs(testkit::process::counters())
            .env("PORT", port.to_string())
            .envs(COMMON)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = Arc::default();
        let readers = vec![
            keep(child.stdout.take().unwrap(), &lines),
            keep(child.stderr.take().unwrap(), &lines),
        ];
        let program = Self {
            child,
            lines,
            readers,
            client: Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            url: format!("http://127.0.0.1:{port}"),
        };
        let started = Instant::now();
        while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_err()
        {
            assert!(started.elapsed() < PATIENCE, "{:#?}", program.lines());
            sleep(Duration::from_millis(5)).await;
        }
        program
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Returns the lines that the program has written.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Ends the program as container platforms do. Returns the lines that it has written.
    pub async fn stop(mut self) -> (ExitStatus, Vec<String>) {
        terminate(&self.child).await;
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        for reader in self.readers.drain(..) {
            reader.await.unwrap();
        }
        let lines = self.lines();
        check(&lines);
        (status, lines)
    }
}

/// Sends SIGTERM to the child.
pub async fn terminate(child: &Child) {
    let pid = child.id().unwrap().to_string();
    let signal = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(signal.await.unwrap().success());
}

/// Asserts that the log contains no text that looks like a secret.
fn check(lines: &[String]) {
    Secrets::default().check("logs", &lines.join("\n")).unwrap();
}

/// Parses the log lines, all of which must be JSON.
pub fn parsed(lines: &[String]) -> Vec<Value> {
    check(lines);
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Returns the lines with this message.
pub fn with_message<'l>(log: &'l [Value], message: &str) -> Vec<&'l Value> {
    log.iter()
        .filter(|line| line["message"] == message)
        .collect()
}

fn keep(
    output: impl AsyncRead + Send + Unpin + 'static,
    lines: &Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    let lines = lines.clone();
    tokio::spawn(async move {
        let mut output = BufReader::new(output).lines();
        while let Ok(Some(line)) = output.next_line().await {
            lines.lock().unwrap().push(line);
        }
    })
}
