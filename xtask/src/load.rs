//! `cargo xtask load`: sends a realistic mix of requests to all functions over HTTP.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use reqwest::Client;
use serde::Deserialize;
use sqlx::{Connection as _, PgConnection};
use testkit::{
    ports::free_port,
    postgres::{Postgres, Server},
    process::{Group, listening, unless_stopped},
    programs, target, workspace,
};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use crate::{
    bench::{self, COOKIE, Database},
    bundle::FUNCTIONS,
    tools,
    variables::without_configuration,
    watch,
};

/// Options of `cargo xtask load`
#[derive(Clone, Debug, clap::Args)]
pub struct LoadOptions {
    /// Address of a running API [default: the release binaries behind `cargo lambda watch`'s gateway]
    #[arg(long)]
    url: Option<String>,
    /// `Cookie` header of signed-in requests, with --url
    #[arg(long, requires = "url")]
    cookie: Option<String>,
    /// Duration of the load, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Number of concurrent connections
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1000))]
    connections: u64,
    /// Number of instances of each function
    #[arg(long, default_value_t = 2)]
    instances: u32,
}

/// Maximum time until the functions respond. They are already built.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Requests without a session: share in percent, method and path. `ID` stands for the id of a project, `AUTHOR` for the id
/// of its author.
const ANYONE: [(u32, &str, &str); 10] = [
    (16, "GET", "/projects"),
    (8, "GET", "/projects?sort=trending"),
    (4, "GET", "/projects?tag=rust"),
    (3, "GET", "/projects?q=editor"),
    (3, "GET", "/projects/facets"),
    (10, "GET", "/projects/ID"),
    (6, "GET", "/projects/ID/comments"),
    (3, "POST", "/projects/ID/views"),
    (4, "GET", "/users/AUTHOR"),
    (1, "GET", "/health"),
];
/// Requests with a session, in the same form.
const SIGNED_IN: [(u32, &str, &str); 9] = [
    (14, "GET", "/api/auth/get-session"),
    (8, "GET", "/feed"),
    (8, "GET", "/notifications/count"),
    (2, "GET", "/notifications"),
    (3, "GET", "/users/profile"),
    (2, "GET", "/users?sort=suggested"),
    (2, "PUT", "/projects/ID/like"),
    (1, "DELETE", "/projects/ID/like"),
    (2, "PUT", "/users/AUTHOR/follow"),
];

/// Starts the functions, unless the options name a running API, and sends the load.
pub async fn run(options: &LoadOptions) -> anyhow::Result<()> {
    match unless_stopped(load(options)).await? {
        Some(outcome) => outcome,
        None => Ok(()),
    }
}

async fn load(options: &LoadOptions) -> anyhow::Result<()> {
    let wrk = programs::find("wrk")
        .context("wrk is not on this machine, and the load needs it (Debian: wrk)")?;
    if let Some(url) = &options.url {
        return shoot(&wrk, url, options.cookie.as_deref(), options).await;
    }
    let programs = bench::build().await?;
    let postgres = Postgres::start(Server::Stored, &std::env::current_exe()?)?;
    let database = Database::prepare(postgres.url()).await?;
    let bundle = Bundle::start(&programs, &database.url, options.instances).await?;
    let cookie = COOKIE.replace("__Secure-", "");
    let most = AtomicI64::default();
    tokio::select! {
        outcome = shoot(&wrk, &bundle.url, Some(&cookie), options) => outcome?,
        failure = watch_connections(&database.url, &most) => failure?,
    }
    println!("{} connections to the database at most", most.into_inner());
    Ok(())
}

/// The release binaries behind one address, with several instances of each function.
struct Bundle {
    url: String,
    _gateway: Group,
    _instances: Vec<Group>,
}

impl Bundle {
    async fn start(
        programs: &HashMap<String, PathBuf>,
        database: &str,
        instances: u32,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let url = format!("http://localhost:{port}");
        let path = target().join("load.log");
        let log = File::create(&path)?;
        let quiet = |command: &mut Command| -> anyhow::Result<Group> {
            Group::spawn(command.stdout(log.try_clone()?).stderr(log.try_clone()?))
        };
        let mut gateway = Command::new(tools::cargo_lambda().await?);
        without_configuration(&mut gateway);
        gateway
            .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors"])
            .args(["--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string()])
            .current_dir(workspace());
        let gateway = quiet(&mut gateway)?;
        // The gateway must listen first: an instance that cannot reach it ends.
        listening(port)
            .await
            .with_context(|| format!("the gateway does not start, see {}", path.display()))?;
        let configuration = bench::variables(database, &url, "");
        let mut started = Vec::new();
        for name in FUNCTIONS {
            for _ in 0..instances {
                let mut instance = Command::new(bench::program(programs, name)?);
                without_configuration(&mut instance);
                instance
                    .envs(configuration.iter().map(|(name, value)| (name, value)))
                    .env(
                        "AWS_LAMBDA_RUNTIME_API",
                        format!("http://127.0.0.1:{port}/.rt/{name}"),
                    )
                    .env("AWS_LAMBDA_FUNCTION_NAME", name)
                    .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                    .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
                    // All callers have one address here, and Better Auth's limits cannot be raised.
                    .env("AUTH_RATE_LIMIT", "off")
                    .env("RUST_LOG", "warn");
                started.push(quiet(&mut instance)?);
            }
        }
        timeout(START_TIMEOUT, watch::answers(&url))
            .await
            .with_context(|| format!("the bundle does not answer, see {}", path.display()))??;
        Ok(Self {
            url,
            _gateway: gateway,
            _instances: started,
        })
    }
}

/// Runs wrk, which sends the requests and prints the figures.
async fn shoot(
    wrk: &Path,
    url: &str,
    cookie: Option<&str>,
    options: &LoadOptions,
) -> anyhow::Result<()> {
    let script = target().join("load.lua");
    let requests = requests(url, cookie).await?;
    fs::write(&script, requests + include_str!("load.lua"))?;
    tools::run(
        Command::new(wrk)
            .args(["--threads", "1"])
            .args(["--connections", &options.connections.to_string()])
            .args(["--duration", &format!("{}s", options.seconds)])
            .args(["--timeout", "10s", "--script"])
            .arg(script)
            .arg(url),
    )
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedProject {
    id: String,
    author_id: String,
}

/// Returns the requests as a list in Lua. They name projects that the API lists.
async fn requests(url: &str, cookie: Option<&str>) -> anyhow::Result<String> {
    let client = Client::builder().no_proxy().build()?;
    let projects: Vec<ListedProject> = client
        .get(format!("{url}/projects?limit=100&sort=likes"))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    ensure!(!projects.is_empty(), "the API lists no projects");
    let mut lua = String::from("REQUESTS = {\n");
    let signed_in: &[_] = if cookie.is_some() { &SIGNED_IN } else { &[] };
    let kinds = ANYONE.iter().map(|kind| (kind, None));
    let kinds = kinds.chain(signed_in.iter().map(|kind| (kind, cookie)));
    for ((often, method, path), cookie) in kinds {
        for number in 0..often * 10 {
            let project = &projects[number as usize % projects.len()];
            let path = path
                .replace("ID", &project.id)
                .replace("AUTHOR", &project.author_id);
            let cookie = cookie.map_or("nil".to_owned(), |cookie| format!("{cookie:?}"));
            writeln!(lua, "  {{ {method:?}, {path:?}, {cookie} }},")?;
        }
    }
    Ok(lua + "}\n")
}

/// Stores the maximum number of connections of the functions in `most`. Runs until it fails.
async fn watch_connections(database: &str, most: &AtomicI64) -> anyhow::Result<()> {
    let mut db = PgConnection::connect(database).await?;
    loop {
        let now: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        )
        .fetch_one(&mut db)
        .await?;
        most.fetch_max(now, Ordering::Relaxed);
        sleep(Duration::from_millis(100)).await;
    }
}
