//! Rounds of starts and requests, and what they took.

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

/// How often every program is started.
pub const START_ROUNDS: u32 = 25;
/// How many times every kind of request has its turn, and how often it is made in one.
pub const WARM_ROUNDS: u32 = 10;
const CHEAP: u32 = 200;
const DEAR: u32 = 10;
/// Requests of each kind before measuring begins: plans are made, caches filled.
const WARM_UP: u32 = 20;
/// After how many requests a program's memory is looked at.
const MEMORY_AFTER: u32 = 10_000;

/// A limit that nothing reaches.
const NO_LIMIT: &str = "1000000000/60";

/// A program and what was measured of it.
pub struct Subject {
    pub program: Program,
    /// Size of the binary and of its zip, in bytes.
    pub binary: u64,
    pub zip: u64,
    /// From the process's start to its first request for an invocation, and to its first answer.
    pub starts: Vec<Duration>,
    pub firsts: Vec<Duration>,
    /// Resident, in bytes.
    pub memory: u64,
    /// One for each of the program's requests.
    pub timings: Vec<Timing>,
    path: PathBuf,
    variables: Vec<(&'static str, String)>,
    instance: Option<Instance>,
    asked: u32,
}

/// What one kind of request took.
#[derive(Default)]
pub struct Timing {
    pub durations: Vec<Duration>,
    /// The program's processor time for all of them together.
    pub processor: Duration,
    /// Round trips to the database, as the program's log tells.
    pub statements: Option<u64>,
}

impl Subject {
    /// Nothing is measured yet but the binary's size.
    pub fn new(program: Program, path: &Path, database: &str) -> anyhow::Result<Self> {
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
        let binary = io::copy(&mut file, &mut zip)?;
        Ok(Self {
            binary,
            zip: zip.finish()?.len().try_into()?,
            starts: Vec::new(),
            firsts: Vec::new(),
            memory: 0,
            timings: program.requests.iter().map(|_| Timing::default()).collect(),
            path: path.to_owned(),
            variables: variables(database, "https://api.codecave.tech", program.pooled),
            program,
            instance: None,
            asked: 0,
        })
    }

    /// A start and a first request. The instance stays for what follows.
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

    /// A few requests of each kind that are not measured.
    pub async fn warm_up(&mut self) -> anyhow::Result<()> {
        for request in 0..self.program.requests.len() {
            self.repeat(request, WARM_UP).await?;
        }
        Ok(())
    }

    /// A turn of each kind of request.
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
            timing.statements = statements;
        }
        Ok(())
    }

    /// The rest of the requests after which memory is looked at; then the program ends.
    pub async fn fill(&mut self) -> anyhow::Result<()> {
        self.repeat(0, MEMORY_AFTER.saturating_sub(self.asked))
            .await?;
        self.memory = process::resident_memory(self.instance()?.pid())?;
        self.instance = None;
        Ok(())
    }

    fn instance(&self) -> anyhow::Result<&Instance> {
        self.instance.as_ref().context("it has been started")
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

/// What the caller of that number waits for.
async fn ask(instance: &Instance, request: &Request, number: u32) -> anyhow::Result<Duration> {
    let (answer, duration) = instance.invoke_raw(request.event(number)).await?;
    // A refusal is quicker than an answer, and would pass for one.
    ensure!(
        answer.starts_with(br#"{"statusCode":200,"#),
        "{} is answered with {}\n{}",
        request.name,
        String::from_utf8_lossy(&answer),
        instance.logs().join("\n")
    );
    Ok(duration)
}

/// Round trips of the last request whose line has arrived.
fn statements(instance: &Instance) -> Option<u64> {
    let logs = instance.logs();
    let mut lines = logs.iter().rev();
    lines.find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["dbStatements"].as_u64()
    })
}

/// What a deployment would configure, without limits on how much one caller may ask. `pooled` behind a pooler in transaction
/// mode.
pub fn variables(database: &str, api: &str, pooled: bool) -> Vec<(&'static str, String)> {
    let pooler = if pooled { "transaction" } else { "" };
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
