//! `cargo xtask bench --projects N`: measures the costs of reads in databases of different sizes.

mod baseline;
mod combinations;
mod database;
mod plot;
mod report;
mod rows;
mod server;

use std::time::Duration;

use anyhow::ensure;
use testkit::postgres::{Postgres, Server};

use self::{database::ReadsDatabase, report::ReadsReport, rows::ROWS, server::ReadsServer};
use super::{BenchOptions, program};
use crate::bundle;

/// Calls of each row that are measured, after a few that are not.
const CALLS: usize = 50;
const WARM_UP: usize = 5;
/// Pages between the first and the far page.
const FAR: usize = 10;

/// The figures of one size.
struct Round {
    projects: i32,
    /// The median of each row, first page and far page. A list that ends earlier has no far page.
    medians: Vec<(Duration, Option<Duration>)>,
    /// Combinations of parameters and their times, the slowest first.
    combinations: Vec<(Duration, String)>,
}

/// Measures all rows and combinations for each size.
pub async fn run(options: &BenchOptions) -> anyhow::Result<()> {
    let codecave = match &options.program {
        Some(path) => path.clone(),
        None if options.unoptimized => program(&bundle::build().await?, "codecave")?.clone(),
        None => program(&super::build_packages(&["codecave"]).await?, "codecave")?.clone(),
    };
    let postgres = Postgres::obtain(Server::Stored)?;
    let mut rounds = Vec::new();
    for (place, projects) in options.projects.iter().enumerate() {
        let name = options.database.get(place).map(String::as_str);
        let mut database = ReadsDatabase::prepare(postgres.url(), *projects, name).await?;
        let server = ReadsServer::start(&codecave, &database.url).await?;
        rounds.push(measure(*projects, &mut database, &server).await?);
        database.close().await?;
    }
    // The baseline has the figures of unoptimised programs, which CI has already built for its other checks.
    let listed = rounds
        .iter()
        .find(|round| options.unoptimized && round.projects == super::database::PROJECTS);
    ensure!(
        listed.is_some() || !options.keep,
        "--keep needs --projects {}",
        super::database::PROJECTS
    );
    let mut over = Vec::new();
    match listed {
        Some(round) if options.keep => baseline::write(round)?,
        Some(round) => over = baseline::compare(round, &baseline::load()?),
        None => {}
    }
    if rounds.len() > 1 {
        plot::write(&rounds)?;
        eprintln!("{} shows the times of all sizes", plot::path().display());
    }
    let report = ReadsReport::new(rounds);
    println!("{report}");
    // The budgets are for optimised programs.
    if !options.unoptimized {
        over.extend(report.over());
    }
    ensure!(over.is_empty(), "over budget: {}", over.join("; "));
    Ok(())
}

async fn measure(
    projects: i32,
    database: &mut ReadsDatabase,
    server: &ReadsServer,
) -> anyhow::Result<Round> {
    let mut medians = Vec::new();
    for row in &ROWS {
        eprint!("\r{projects} projects, {}\x1b[K", row.path);
        database.sign_in(row.caller).await?;
        let first = median(server, row.path, row.caller.is_signed_in()).await?;
        let far = match far_page(server, row.path, row.caller.is_signed_in()).await? {
            Some(path) => Some(median(server, &path, row.caller.is_signed_in()).await?),
            None => None,
        };
        medians.push((first, far));
    }
    eprintln!();
    database.sign_in(rows::Caller::Viewer).await?;
    let names = database.names().await?;
    let mut combinations = Vec::new();
    for (path, is_signed_in) in combinations::all(&names) {
        // The best of two, because the first may plan and read from disk.
        let mut time = server.get(&path, is_signed_in).await?.time;
        time = time.min(server.get(&path, is_signed_in).await?.time);
        combinations.push((time, path));
    }
    combinations.sort_unstable_by(|one, other| other.cmp(one));
    Ok(Round {
        projects,
        medians,
        combinations,
    })
}

async fn median(server: &ReadsServer, path: &str, is_signed_in: bool) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for call in 0..WARM_UP + CALLS {
        let time = server.get(path, is_signed_in).await?.time;
        if call >= WARM_UP {
            times.push(time);
        }
    }
    times.sort_unstable();
    Ok(times[CALLS / 2])
}

/// Returns the path of the page that is [`FAR`] pages after the first.
async fn far_page(
    server: &ReadsServer,
    path: &str,
    is_signed_in: bool,
) -> anyhow::Result<Option<String>> {
    let mut page = path.to_owned();
    for _ in 0..FAR {
        let Some(next) = server.get(&page, is_signed_in).await?.next else {
            return Ok(None);
        };
        page = path.split('?').next().unwrap_or(path).to_owned() + &next;
    }
    Ok(Some(page))
}
