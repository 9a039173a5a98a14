//! `cargo xtask profile`: draws a flame graph of a function under load.

use std::{
    fs::{self, File},
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use inferno::{
    collapse::{Collapse as _, perf::Folder},
    flamegraph,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::Client;
use testkit::{programs, target};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{bundle, tools, watch::claim};

/// Samples of perf per second. The number is not round, so that periodic work does not run in step with it.
const FREQUENCY: &str = "499";
/// Maximum time until the function responds.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A quota that no load reaches.
const NO_LIMIT: &str = "1000000000/60";

/// Options of `cargo xtask profile`
#[derive(Clone, Debug, clap::Args)]
pub struct ProfileOptions {
    /// Function to profile
    #[arg(default_value = "projects", value_parser = bundle::FUNCTIONS)]
    function: String,
    /// Path and query of the requests
    #[arg(default_value = "/projects")]
    path: String,
    /// `Cookie` header of each request, for paths that need a session
    #[arg(long)]
    cookie: Option<String>,
    /// Duration of the load, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Number of concurrent requests
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Port of the function
    #[arg(long, default_value_t = 3003)]
    port: u16,
}

/// Builds the function with optimisations and line numbers, sends it requests over plain HTTP while perf records, and
/// writes the flame graph.
pub async fn run(options: &ProfileOptions, database: &str) -> anyhow::Result<()> {
    let perf = programs::find("perf").context(
        "perf is not on this machine, and the profile needs it; install linux-perf (Debian) or \
         linux-tools-generic (Ubuntu); there is no perf for other systems than Linux",
    )?;
    claim(options.port, "--port")?;
    let folder = target().join("profile");
    fs::create_dir_all(&folder)?;

    eprintln!("Building {} …", options.function);
    let binary = build(&options.function).await?;
    let mut function = start(&binary, options, database)?;
    let url = format!("http://127.0.0.1:{}{}", options.port, options.path);
    let client = Client::builder().no_proxy().build()?;
    ready(&client, &url, options).await?;

    eprintln!("Requesting {} for {} s …", options.path, options.seconds);
    let data = folder.join("perf.data");
    let recorder = record(&perf, &function, &data)?;
    let started = Instant::now();
    let answers = load(&client, &url, options).await?;
    let rate = answers / started.elapsed().as_secs().max(1);
    stop(recorder, Signal::SIGINT)
        .await
        .context("perf has recorded nothing; it needs kernel.perf_event_paranoid of 2 or less")?;
    function.start_kill()?;
    ensure!(data.exists(), "perf has recorded nothing");

    eprintln!("Drawing …");
    let graph = draw(&perf, &data, &folder, options).await?;
    println!("{answers} requests, {rate} a second; {}", graph.display());
    Ok(())
}

async fn build(function: &str) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(testkit::cargo::cargo());
    cargo.args(["build", "--profile", "profiling", "--package", function]);
    let mut programs = testkit::cargo::executables(&mut cargo).await?;
    programs
        .remove(function)
        .with_context(|| format!("{function} has no binary"))
}

fn start(binary: &Path, options: &ProfileOptions, database: &str) -> anyhow::Result<Child> {
    let url = format!("http://localhost:{}", options.port);
    let mut command = Command::new(binary);
    crate::variables::without_configuration(&mut command);
    command
        .env("DATABASE_URL", database)
        .env("BETTER_AUTH_URL", url)
        .env("BETTER_AUTH_SECRET", crate::dev::SECRET)
        .env("NODE_ENV", "development")
        .env("PORT", options.port.to_string())
        .env("RUST_LOG", "warn")
        .env("RATE_LIMIT_ANON", NO_LIMIT)
        .env("RATE_LIMIT_READ", NO_LIMIT)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be run", binary.display()))
}

async fn ready(client: &Client, url: &str, options: &ProfileOptions) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        match ask(client, url, options).await {
            Ok(status) => {
                ensure!(status.is_success(), "{url} answers {status}");
                return Ok(());
            }
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn ask(
    client: &Client,
    url: &str,
    options: &ProfileOptions,
) -> reqwest::Result<reqwest::StatusCode> {
    let mut request = client.get(url);
    if let Some(cookie) = &options.cookie {
        request = request.header("cookie", cookie);
    }
    let answer = request.send().await?;
    let status = answer.status();
    answer.bytes().await?;
    Ok(status)
}

/// Sends requests for the time of the load, and returns their number.
async fn load(client: &Client, url: &str, options: &ProfileOptions) -> anyhow::Result<u64> {
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let counts = try_join_all((0..options.connections.max(1)).map(async |_| {
        let mut count = 0;
        while Instant::now() < deadline {
            let status = ask(client, url, options).await?;
            ensure!(status.is_success(), "{url} answers {status}");
            count += 1;
        }
        anyhow::Ok(count)
    }));
    Ok(counts.await?.into_iter().sum())
}

fn record(perf: &Path, function: &Child, data: &Path) -> anyhow::Result<Child> {
    let pid = function.id().context("the function has ended")?;
    Command::new(perf)
        .args(["record", "--quiet", "-F", FREQUENCY])
        // Optimised code has no frame pointers.
        .args(["--call-graph", "dwarf,16384"])
        .args(["-p", &pid.to_string(), "-o"])
        .arg(data)
        .kill_on_drop(true)
        .spawn()
        .context("perf cannot be run")
}

async fn stop(mut child: Child, signal: Signal) -> anyhow::Result<()> {
    let pid = child.id().context("the process ended too early")?;
    kill(Pid::from_raw(pid.try_into()?), signal)?;
    child.wait().await?;
    Ok(())
}

async fn draw(
    perf: &Path,
    data: &Path,
    folder: &Path,
    options: &ProfileOptions,
) -> anyhow::Result<PathBuf> {
    let stacks = folder.join("stacks.txt");
    tools::run(
        Command::new(perf)
            // The lookup of inlined functions takes minutes.
            .args(["script", "--no-inline", "-i"])
            .arg(data)
            .stdout(File::create(&stacks)?)
            .stderr(Stdio::null()),
    )
    .await?;
    let folded = folder.join("folded.txt");
    Folder::default().collapse(
        BufReader::new(File::open(&stacks)?),
        BufWriter::new(File::create(&folded)?),
    )?;
    let graph = folder.join(format!("{}.svg", options.function));
    let mut look = flamegraph::Options::default();
    look.title = format!("{} {}", options.function, options.path);
    flamegraph::from_reader(
        &mut look,
        BufReader::new(File::open(&folded)?),
        BufWriter::new(File::create(&graph)?),
    )?;
    Ok(graph)
}
