//! `cargo xtask`: the developers' commands.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use migrations::retention;
use sqlx::{Connection as _, PgConnection};
use testkit::postgres::{self, Postgres, Server};
use xtask::{
    bench, costs, coverage, dev, events, image, invoke, load, migrate, openapi, prepare, profile,
    recount, reproduce, sam, sbom, seed, smoke, test,
};

/// The developers' commands
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A command that uses a database uses the one in `DATABASE_URL`, or the local server's if that is not set.
#[derive(Subcommand)]
enum Command {
    /// Run the database, all functions and a sign-in provider on this machine
    Dev(dev::DevOptions),
    /// Run all tests with everything that they need
    Test(test::TestOptions),
    /// Measure how many lines of the functions and of shared/ the tests execute
    Coverage(coverage::CoverageOptions),
    /// Send an event of events/ to its function and print the response
    Invoke(invoke::InvokeOptions),
    /// Apply the migrations that the database lacks
    Migrate {
        /// Print the statements, their locks and the size of their tables, and execute nothing
        #[arg(long)]
        plan: bool,
    },
    /// Fill the database with sample users and projects
    Seed(seed::SeedOptions),
    /// Remove expired sessions, counters, keys and other rows
    Sweep,
    /// Find and repair counters that differ from the rows that they count
    Recount,
    /// Write the OpenAPI document that the health function serves
    Openapi,
    /// Write an event for each operation of the OpenAPI document
    Events,
    /// Measure the release binaries against their floors and budgets
    Bench(bench::BenchOptions),
    /// Measure all functions under load over HTTP
    Load(load::LoadOptions),
    /// Draw a flame graph of a function under load
    Profile(profile::ProfileOptions),
    /// Write the metadata of all queries into .sqlx
    SqlxPrepare {
        /// Write nothing; fail if .sqlx is not up to date
        #[arg(long)]
        check: bool,
    },
    /// Check the SAM template, build the functions with it, and run them as Lambda would
    Sam(sam::SamOptions),
    /// Build a container image of all functions, without a container engine
    Image(image::ImageOptions),
    /// Build the functions of the last commit twice, in two folders, and compare the zips
    Reproduce(reproduce::ReproduceOptions),
    /// Write what each program contains, as `CycloneDX`
    Sbom,
    /// Check a deployment from outside: health, sign-in, CORS, errors, documents
    Smoke(smoke::SmokeOptions),
    /// Print what a deployment costs a month, counted from the template
    Costs(costs::CostsOptions),
    /// Run a local server until standard input ends
    #[command(hide = true)]
    KeepPostgres { server: Server },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// Joins the error and its causes. Leaves out a cause whose text is part of the previous one.
fn sentence(error: &anyhow::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = match cause.downcast_ref::<sqlx::Error>() {
            // sqlx appends the line in PostgreSQL's source, which reads like a line of the statement.
            Some(sqlx::Error::Database(said)) => said.message().to_owned(),
            _ => cause.to_string(),
        };
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Dev(options) => dev::run(&options).await?,
        Command::Test(options) => test::run(options).await?,
        Command::Coverage(options) => coverage::run(&options).await?,
        Command::Invoke(options) => invoke::run(&options).await?,
        Command::Migrate { plan: true } => {
            let postgres = Postgres::obtain(Server::Dev)?;
            println!("{}", migrate::plan(postgres.url()).await?);
        }
        Command::Migrate { plan: false } => {
            migrated().await?;
        }
        Command::Seed(options) => {
            let postgres = migrated().await?;
            seed::run(&postgres.url().parse()?, &options).await?;
        }
        Command::Sweep => {
            let postgres = migrated().await?;
            let mut db = PgConnection::connect(postgres.url()).await?;
            println!("{}", retention::sweep(&mut db, Duration::MAX).await?);
        }
        Command::Recount => {
            let postgres = Postgres::obtain(Server::Dev)?;
            let mut db = PgConnection::connect(postgres.url()).await?;
            report(&recount::run(&mut db).await?);
        }
        Command::Bench(options) => bench::run(&options).await?,
        Command::Load(options) => load::run(&options).await?,
        Command::Profile(options) => {
            let postgres = migrated().await?;
            profile::run(&options, postgres.url()).await?;
        }
        Command::Openapi => openapi::write().await?,
        Command::Events => events::write()?,
        Command::SqlxPrepare { check: false } => prepare::write().await?,
        Command::SqlxPrepare { check: true } => prepare::check().await?,
        Command::Image(options) => image::run(&options).await?,
        Command::Reproduce(options) => reproduce::run_twice(&options).await?,
        Command::Sbom => sbom::write().await?,
        Command::Smoke(options) => smoke::run(&options).await?,
        Command::Costs(options) => costs::run(options)?,
        Command::Sam(options) => sam::check(options).await?,
        Command::KeepPostgres { server } => postgres::keep(server).await?,
    }
    Ok(())
}

/// Returns the database with all migrations applied.
async fn migrated() -> anyhow::Result<Postgres> {
    let postgres = Postgres::obtain(Server::Dev)?;
    if postgres.is_local() {
        migrate::create_database(postgres.url()).await?;
    }
    let mut print = |progress: migrate::Progress| println!("{progress}");
    let outcome = migrate::run_aloud(postgres.url(), &mut print).await?;
    for version in &outcome.unknown {
        println!("the database has migration {version}, which this program does not have");
    }
    if outcome.applied.is_empty() {
        println!("the database has all migrations");
    }
    Ok(postgres)
}

fn report(repairs: &[recount::Repair]) {
    for repair in repairs {
        println!(
            "{}.{} of {}: {} -> {}",
            repair.table, repair.column, repair.id, repair.stored, repair.counted
        );
    }
    println!("{} counters repaired", repairs.len());
}
