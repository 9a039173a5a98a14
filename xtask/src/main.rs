//! `cargo xtask`: the developers' commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sqlx::{Connection as _, PgConnection};
use testkit::postgres::{self, Postgres, Server};
use xtask::{
    bench, dev, events, invoke, load, migrate, openapi, prepare, profile, recount, sam, seed, test,
};

/// The developers' commands
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A command that uses the database takes that of `DATABASE_URL`, or else the local server's.
#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine: the database, all functions, and somebody to sign in with
    Dev(dev::Options),
    /// Run all tests with everything that they need
    Test(test::Options),
    /// Send an event of events/ to its function and print the answer
    Invoke(invoke::Options),
    /// Apply the migrations that the database lacks
    Migrate,
    /// Put a few users and projects into the database, or very many
    Seed(seed::Options),
    /// Find and repair counters that differ from the rows that they count
    Recount,
    /// Write the OpenAPI document that the health function carries
    Openapi,
    /// Write an event for each operation of that document
    Events,
    /// Measure the release binaries against their floors and budgets
    Bench(bench::Options),
    /// Put the bundle under load over HTTP
    Load(load::Options),
    /// Draw where a function's time goes under load
    Profile(profile::Options),
    /// Write the metadata of all queries into .sqlx
    SqlxPrepare {
        /// Write nothing; fail if .sqlx is not up to date
        #[arg(long)]
        check: bool,
    },
    /// Check the SAM template, build the functions with it, and run them as Lambda would
    Sam(sam::Options),
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

/// The error and its causes, but for those whose text the one before them has quoted.
fn sentence(error: &anyhow::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = match cause.downcast_ref::<sqlx::Error>() {
            // Its own text adds the line of PostgreSQL's source, which reads like one of the statement's.
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
        Command::Invoke(options) => invoke::run(&options).await?,
        Command::Migrate => {
            migrated().await?;
        }
        Command::Seed(options) => {
            let postgres = migrated().await?;
            let mut db = PgConnection::connect(postgres.url()).await?;
            seed::run(&mut db, &options).await?;
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
        Command::Sam(options) => sam::check(options).await?,
        Command::KeepPostgres { server } => postgres::keep(server).await?,
    }
    Ok(())
}

/// The database with all migrations.
async fn migrated() -> anyhow::Result<Postgres> {
    let postgres = Postgres::obtain(Server::Dev)?;
    if postgres.is_local() {
        migrate::create_database(postgres.url()).await?;
    }
    let outcome = migrate::run(postgres.url()).await?;
    for (version, description) in &outcome.applied {
        println!("applied {version} {description}");
    }
    for version in &outcome.unknown {
        println!("{version} is in the database, but not among these migrations");
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
