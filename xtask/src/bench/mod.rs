//! `cargo xtask bench`: measures the release binaries under an emulated Lambda runtime, and compares them with the floors
//! of `xtask/bench` and with the budgets.

mod budget;
mod database;
mod instructions;
mod measure;
mod pictures;
mod process;
mod reads;
mod report;
mod request;

use std::{collections::HashMap, path::PathBuf};

use anyhow::{Context as _, ensure};
use testkit::{
    cargo::cargo,
    postgres::{PgBouncer, Postgres, Server},
    process::unless_stopped,
    workspace,
};
use tokio::process::Command;

pub use self::{
    database::{COOKIE, Database},
    measure::variables,
};
use self::{measure::Subject, report::BenchReport};
use crate::{bundle, sam, test::local_storage, tools};

/// Options of `cargo xtask bench`
#[derive(Clone, Debug, clap::Args)]
pub struct BenchOptions {
    /// Measure only this function and the floors
    #[arg(long, value_parser = bundle::FUNCTIONS)]
    only: Option<String>,
    /// Measure the binaries that `cargo xtask sam` built, instead of those of `cargo build`
    #[arg(long)]
    sam: bool,
    /// Only count the instructions of some paths, with valgrind
    #[arg(long)]
    instructions: bool,
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
    /// Measure all kinds of reads in a database with this many projects instead; several sizes are compared. Creates and fills
    /// the database if it is missing: a million projects take 13 GB and some minutes
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    projects: Vec<i32>,
    /// With --projects, use this database of the server instead of one of its own. Repeat it for each size
    #[arg(long, requires = "projects")]
    database: Vec<String>,
    /// With --projects, measure unoptimised programs, which are built sooner
    #[arg(long, requires = "projects")]
    unoptimized: bool,
    /// With --projects, measure this build of `codecave` and build nothing
    #[arg(long, requires = "projects")]
    program: Option<PathBuf>,
    /// With --projects 100000 --unoptimized, write the baseline with which later runs are compared
    #[arg(long, requires = "unoptimized")]
    keep: bool,
    /// Skip the build: this process is the release binary
    #[arg(long, hide = true)]
    built: bool,
}

/// Builds all binaries with optimisations and runs the optimised `xtask`. The time of the emulated runtime is part of the
/// figures, so it must be optimised, too.
pub async fn run(options: &BenchOptions) -> anyhow::Result<()> {
    match unless_stopped(stage(options)).await? {
        Some(outcome) => outcome,
        None => Ok(()),
    }
}

async fn stage(options: &BenchOptions) -> anyhow::Result<()> {
    if !options.projects.is_empty() {
        return reads::run(options).await;
    }
    if options.built {
        return measure(options).await;
    }
    let programs = build().await?;
    if options.instructions {
        return instructions::count(program(&programs, "instructions")?, options.json).await;
    }
    let arguments = std::env::args_os().skip(1);
    tools::run(
        Command::new(program(&programs, "xtask")?)
            .args(arguments)
            .arg("--built")
            .current_dir(workspace()),
    )
    .await
}

/// Builds the functions and the floors with all optimisations, and this program. Returns their paths by name.
///
/// Two commands build them: Cargo unites the features of the packages of one command, and this program needs the
/// descriptions of routes, which no deployed function contains.
pub async fn build() -> anyhow::Result<HashMap<String, PathBuf>> {
    let mut programs = build_packages(&[&bundle::FUNCTIONS[..], &["bench"]].concat()).await?;
    programs.extend(build_packages(&["xtask"]).await?);
    Ok(programs)
}

/// Builds the programs of some packages with all optimisations, by one command, and returns their paths by name.
async fn build_packages(packages: &[&str]) -> anyhow::Result<HashMap<String, PathBuf>> {
    eprintln!("Building with all optimisations, which takes some minutes the first time …");
    let mut command = Command::new(cargo());
    command.args(["build", "--release", "--bins"]);
    for package in packages {
        command.args(["--package", package]);
    }
    testkit::cargo::executables(&mut command).await
}

/// Returns the path of one program, or an error if it was not built.
pub(crate) fn program<'p>(
    programs: &'p HashMap<String, PathBuf>,
    name: &str,
) -> anyhow::Result<&'p PathBuf> {
    programs
        .get(name)
        .with_context(|| format!("{name} was not built"))
}

/// Measures all subjects in each round, so that other load on the machine affects all of them alike.
async fn measure(options: &BenchOptions) -> anyhow::Result<()> {
    let programs = programs(options)?;
    let postgres = Postgres::start(Server::Stored, &std::env::current_exe()?)?;
    let database = Database::prepare(postgres.url()).await?;
    let pooler = PgBouncer::start(&database.url, 20).await?;
    if pooler.is_none() {
        eprintln!("PgBouncer is not on this machine, so its cost is not measured");
    }
    let storage = local_storage()?;
    match &storage {
        Some(storage) => pictures::insert(&database.url, storage).await?,
        None => eprintln!("Without a bucket, images are not measured"),
    }
    let wanted = |binary: &str| options.only.as_deref().is_none_or(|only| only == binary);
    let mut subjects = Vec::new();
    for spec in request::programs(&database) {
        if spec.is_floor() || wanted(spec.binary) {
            let (url, mode) = match &pooler {
                _ if !spec.pooled => (database.url.clone(), ""),
                Some(pooler) => (pooler.url(&database.url)?, pooler.modes()[0]),
                None => continue,
            };
            let bucket = match &storage {
                _ if !spec.stored => Vec::new(),
                Some(storage) => storage.variables().into(),
                None => continue,
            };
            let binary = program(&programs, spec.binary)?;
            subjects.push(Subject::new(spec, binary, &url, mode, &bucket)?);
        }
    }
    for round in 1..=measure::START_ROUNDS {
        eprint!("\rstarts {round}/{} ", measure::START_ROUNDS);
        for subject in &mut subjects {
            subject.start().await?;
        }
    }
    eprintln!();
    for subject in &mut subjects {
        subject.warm_up().await?;
    }
    for round in 1..=measure::WARM_ROUNDS {
        eprint!("\rwarm requests {round}/{} ", measure::WARM_ROUNDS);
        for subject in &mut subjects {
            subject.ask().await?;
        }
    }
    eprintln!();
    for subject in &mut subjects {
        subject.fill().await?;
    }
    let report = BenchReport::new(&subjects);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    ensure!(
        report.over().is_empty(),
        "over budget: {}",
        report.over().join(", ")
    );
    Ok(())
}

/// Returns the paths of all programs by name. SAM does not build the floors.
fn programs(options: &BenchOptions) -> anyhow::Result<HashMap<String, PathBuf>> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("the path of xtask has no folder")?;
    let names = ["hello", "hello-pg"].into_iter().chain(bundle::FUNCTIONS);
    let mut programs: HashMap<_, _> = names
        .map(|name| (name.to_owned(), folder.join(name)))
        .collect();
    if options.sam {
        programs.extend(sam::built("x86_64")?);
    }
    Ok(programs)
}
