//! Measures starts and requests in rounds.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use flate2::{Compression, write::DeflateEncoder};
use serde_json::Value;
use testkit::emulator::Instance;

use super::{
    database::SECRET,
    process,
    request::{Program, Request},
};

/// Number of starts of each program.
pub const START_ROUNDS: u32 = 25;
/// Number of rounds in which each kind of request is measured.
pub const WARM_ROUNDS: u32 = 10;
/// Requests of a cheap kind in each round.
const CHEAP: u32 = 200;
/// Requests of an expensive kind in each round.
pub const DEAR: u32 = 10;
/// Requests of each kind before the measurement. They prepare statements and fill caches.
pub const WARM_UP: u32 = 20;
/// Number of requests after which the memory of a program is measured.
const MEMORY_AFTER: u32 = 10_000;

/// A quota that no benchmark reaches.
const NO_LIMIT: &str = "1000000000/60";

/// A program and its figures.
pub struct Subject {
    pub program: Program,
    /// Size of the binary, in bytes.
    pub binary: u64,
    /// Size of the zip, in bytes.
    pub zip: u64,
    /// Time of each start: until the process first polls for an invocation.
    pub starts: Vec<Duration>,
    /// Time of each start until the first response.
    pub firsts: Vec<Duration>,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// The figures of each of the program's requests.
    pub timings: Vec<Timing>,
    path: PathBuf,
    variables: Vec<(&'static str, String)>,
    instance: Option<Instance>,
    asked: u32,
}

/// The figures of one kind of request.
#[derive(Default)]
pub struct Timing {
    pub durations: Vec<Duration>,
    /// Processor time of the program for all requests together.
    pub processor: Duration,
    /// Round trips of one request to the database, from the program's log. One read in eight takes one more, which counts
    /// it, so this is the smallest number of all rounds.
    pub statements: Option<u64>,
}

impl Subject {
    /// Measures the sizes of the binary and of its zip. All other figures are empty.
    pub fn new(
        program: Program,
        path: &Path,
        database: &str,
        pooler: &str,
        bucket: &[(&'static str, &str)],
    ) -> anyhow::Result<Self> {
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
        let binary = io::copy(&mut file, &mut zip)?;
        let mut variables = variables(database, "https://api.codecave.tech", pooler);
        variables.extend(
            bucket
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        Ok(Self {
            binary,
            zip: zip.finish()?.len().try_into()?,
            starts: Vec::new(),
            firsts: Vec::new(),
            memory: 0,
            timings: program.requests.iter().map(|_| Timing::default()).collect(),
            path: path.to_owned(),
            variables,
            program,
            instance: None,
            asked: 0,
        })
    }

    /// Starts an instance, sends a first request and records both times. Keeps the instance for the warm requests.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.instance = None;
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let instance = Instance::start(&self.path, &variables).await?;
        let request = &self.program.requests[0];
        let first = ask(&instance, request, self.asked).await?;
        self.asked += 1;
        self.starts.push(instance.init());
        self.firsts.push(instance.init() + first);
        self.instance = Some(instance);
        Ok(())
    }

    /// Sends a few requests of each kind without measuring them.
    pub async fn warm_up(&mut self) -> anyhow::Result<()> {
        for request in 0..self.program.requests.len() {
            self.repeat(request, WARM_UP).await?;
        }
        Ok(())
    }

    /// Measures one round of each kind of request.
    pub async fn ask(&mut self) -> anyhow::Result<()> {
        for request in 0..self.program.requests.len() {
            let count = if self.program.requests[request].cheap {
                CHEAP
            } else {
                DEAR
            };
            let pid = self.instance()?.pid();
            let before = process::processor_time(pid)?;
            let durations = self.repeat(request, count).await?;
            let spent = process::processor_time(pid)?.saturating_sub(before);
            let statements = statements(self.instance()?);
            let timing = &mut self.timings[request];
            timing.durations.extend(durations);
            timing.processor += spent;
            timing.statements = timing.statements.into_iter().chain(statements).min();
        }
        Ok(())
    }

    /// Sends the rest of the `MEMORY_AFTER` requests, records the memory and stops the program.
    pub async fn fill(&mut self) -> anyhow::Result<()> {
        self.repeat(0, MEMORY_AFTER.saturating_sub(self.asked))
            .await?;
        self.memory = process::resident_memory(self.instance()?.pid())?;
        self.instance = None;
        Ok(())
    }

    fn instance(&self) -> anyhow::Result<&Instance> {
        self.instance
            .as_ref()
            .context("the program has not been started")
    }

    async fn repeat(&mut self, request: usize, count: u32) -> anyhow::Result<Vec<Duration>> {
        let mut durations = Vec::new();
        for number in self.asked..self.asked + count {
            let request = &self.program.requests[request];
            durations.push(ask(self.instance()?, request, number).await?);
        }
        self.asked += count;
        Ok(durations)
    }
}

/// Sends one request, whose caller has this number, and returns the time until the response.
async fn ask(instance: &Instance, request: &Request, number: u32) -> anyhow::Result<Duration> {
    let (answer, duration) = instance.invoke_raw(request.event(number)).await?;
    // An unexpected rejection is fast and would distort the figures.
    let expected = format!(r#"{{"statusCode":{},"#, request.status);
    ensure!(
        answer.starts_with(expected.as_bytes()),
        "{} is answered with {}\n{}",
        request.name,
        String::from_utf8_lossy(&answer),
        instance.logs().join("\n")
    );
    Ok(duration)
}

/// Round trips of the last request in the log.
fn statements(instance: &Instance) -> Option<u64> {
    let logs = instance.logs();
    let mut lines = logs.iter().rev();
    lines.find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["dbStatements"].as_u64()
    })
}

/// The variables of a deployment, with quotas that no benchmark reaches. `pooler` is the value of `DATABASE_POOLER`.
pub fn variables(database: &str, api: &str, pooler: &str) -> Vec<(&'static str, String)> {
    [
        ("BETTER_AUTH_SECRET", SECRET),
        ("BETTER_AUTH_URL", api),
        ("DATABASE_POOLER", pooler),
        ("DATABASE_URL", database),
        ("GITHUB_CLIENT_ID", "id"),
        ("GITHUB_CLIENT_SECRET", "secret"),
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "secret"),
        ("NODE_ENV", "production"),
        ("RATE_LIMIT_ANON", NO_LIMIT),
        ("RATE_LIMIT_READ", NO_LIMIT),
        ("RATE_LIMIT_WRITE", NO_LIMIT),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}
