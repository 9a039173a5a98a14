//! `cargo xtask bench`: the release binaries under the emulated Lambda runtime, against the floors of `xtask/bench` and the
//! budgets.

mod budget;
mod database;
mod instructions;
mod measure;
mod process;
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
use self::{measure::Subject, report::Report};
use crate::{bundle, sam, tools};

/// What to measure
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only this function (and the floors)
    #[arg(long, value_parser = bundle::FUNCTIONS)]
    only: Option<String>,
    /// What `cargo xtask sam` has built in place of `cargo build`'s binaries
    #[arg(long)]
    sam: bool,
    /// Count the instructions of paths that need nothing but the processor, with valgrind; measure nothing else
    #[arg(long)]
    instructions: bool,
    /// Print JSON in place of the table
    #[arg(long)]
    json: bool,
    /// The binaries were built, and this is the one of these commands
    #[arg(long, hide = true)]
    built: bool,
}

/// Builds everything with optimisations, these commands too, since the emulated runtime's own time is part of what is
/// measured; and hands over to them.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    match unless_stopped(stage(options)).await? {
        Some(outcome) => outcome,
        None => Ok(()),
    }
}

async fn stage(options: &Options) -> anyhow::Result<()> {
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

/// All programs with all optimisations, by name.
pub async fn build() -> anyhow::Result<HashMap<String, PathBuf>> {
    eprintln!("Building with all optimisations, which takes some minutes the first time …");
    let mut command = Command::new(cargo());
    command.args(["build", "--release", "--workspace", "--bins"]);
    testkit::cargo::executables(&mut command).await
}

/// One of them.
pub(crate) fn program<'p>(
    programs: &'p HashMap<String, PathBuf>,
    name: &str,
) -> anyhow::Result<&'p PathBuf> {
    programs
        .get(name)
        .with_context(|| format!("{name} was not built"))
}

/// Measures in rounds, every subject in each of them, so that whatever disturbs the machine disturbs them all.
async fn measure(options: &Options) -> anyhow::Result<()> {
    let programs = programs(options)?;
    let postgres = Postgres::start(Server::Test, &std::env::current_exe()?)?;
    let database = Database::prepare(postgres.url()).await?;
    let pooler = PgBouncer::start(&database.url, 20).await?;
    if pooler.is_none() {
        eprintln!("PgBouncer is not on this machine, so what it costs is not measured");
    }
    let wanted = |binary: &str| options.only.as_deref().is_none_or(|only| only == binary);
    let mut subjects = Vec::new();
    for spec in request::programs(&database) {
        if spec.is_floor() || wanted(spec.binary) {
            let url = match &pooler {
                _ if !spec.pooled => database.url.clone(),
                Some(pooler) => pooler.url(&database.url)?,
                None => continue,
            };
            let binary = program(&programs, spec.binary)?;
            subjects.push(Subject::new(spec, binary, &url)?);
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
    let report = Report::new(&subjects);
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

/// All programs by name. The floors are never built by SAM.
fn programs(options: &Options) -> anyhow::Result<HashMap<String, PathBuf>> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("it is in a folder")?;
    let names = ["hello", "hello-pg"].into_iter().chain(bundle::FUNCTIONS);
    let mut programs: HashMap<_, _> = names
        .map(|name| (name.to_owned(), folder.join(name)))
        .collect();
    if options.sam {
        programs.extend(sam::built("x86_64")?);
    }
    Ok(programs)
}
