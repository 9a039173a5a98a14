//! `cargo xtask dev`: runs the whole backend on this machine.

mod build;
mod front;
mod functions;
mod gateway;
mod inputs;
mod routes;
mod stages;
mod storage;
#[cfg(test)]
mod tests;
mod workshop;

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context as _, bail};
use provider::Provider;
use sqlx::{Connection as _, PgConnection};
use testkit::{
    postgres::{Postgres, Server},
    process::unless_stopped,
    target, workspace,
};
use tokio::net::TcpListener;
use url::Url;

use self::{
    build::Workspace,
    front::Front,
    functions::{Environment, LocalFunction},
    routes::Routes,
    stages::Stages,
    storage::PendingStorage,
    workshop::Workshop,
};
use crate::{bundle::FUNCTIONS, migrate, seed, variables::Variables, watch::claim};

/// Default of `BETTER_AUTH_SECRET`.
pub(crate) const SECRET: &str = "a-secret-for-development-only-0123456789";

/// Options of `cargo xtask dev`
#[derive(Clone, Debug, clap::Args)]
pub struct DevOptions {
    /// Port of the API
    #[arg(long, default_value_t = 3001)]
    port: u16,
    /// Port of the sign-in page and of the stand-in for GitHub and Google
    #[arg(long, default_value_t = 3002)]
    provider_port: u16,
    /// Remove the local database with all its data, and start with an empty one
    #[arg(long)]
    fresh: bool,
}

/// Runs everything until Ctrl-C or SIGTERM, and then stops every process that it started.
pub async fn run(options: &DevOptions) -> anyhow::Result<()> {
    if let Some(outcome) = Box::pin(unless_stopped(serve(options))).await? {
        return outcome;
    }
    eprintln!("\nEverything is stopped.");
    Ok(())
}

async fn serve(options: &DevOptions) -> anyhow::Result<()> {
    claim(options.port, "--port")?;
    claim(options.provider_port, "--provider-port")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let routes = Routes::read().await?;
    let mut variables = Variables::read(&workspace().join(".env"))?;
    let api = format!("http://localhost:{}", options.port);

    let mut stages = Stages::default();
    let storage = PendingStorage::start(&variables, options.fresh);
    let (database, _postgres) = database(&variables, options.fresh, &mut stages).await?;
    variables.set("DATABASE_URL", &database);
    let storage = storage.finish(&mut variables).await?;
    let frontend = variables
        .get("FRONTEND_URL")
        .and_then(|origins| origins.split(',').next())
        .map_or("http://localhost:3000", str::trim)
        .to_owned();
    let provider = Provider::for_api(&api, &frontend, options.provider_port).await?;
    if is_here(&database) {
        let mut db = PgConnection::connect(&database).await?;
        storage.add_samples(&mut db).await?;
        seed::add_faces(&mut db, provider.url()).await?;
        db.close().await?;
    }
    let services = configure(&mut variables, &api, &provider);

    let addresses = format!("API {api}, sign in at {}", provider.url());
    let front = front(routes, variables);
    let workspace = Workspace {
        root: workspace().to_owned(),
        target: target(),
        database: database.clone(),
    };
    let mut workshop = Workshop::new(front.clone(), workspace, addresses)?;
    let server = tokio::spawn(front.serve(listener));
    workshop.open(&mut stages).await?;

    println!();
    println!("  Sign in from  {}", provider.url());
    println!("  API           {api}, described at {api}/docs");
    println!("  Example app   `npm ci && npm run dev` in clients, then http://localhost:3000");
    println!("  Database      {database}");
    println!("  Uploads       {}", storage.answers);
    println!("  GitHub        {}", services.github);
    println!("  Google        {}", services.google);
    println!();
    println!("ready; a change of a source is built at once; Ctrl-C stops everything");
    tokio::select! {
        ended = server => ended?.context("the API is no longer served"),
        failure = workshop.run() => failure,
    }
}

/// Creates the HTTP server. The functions are not built yet.
fn front(routes: Routes, variables: Variables) -> Arc<Front> {
    let environment: Environment = Arc::new(variables.into_pairs());
    let function = |name| (name, LocalFunction::new(environment.clone()));
    Arc::new(Front::new(routes, FUNCTIONS.map(function).into()))
}

/// Starts the database unless `DATABASE_URL` names one, migrates it, and adds the sample data if it is on this machine.
/// Returns its address.
async fn database(
    variables: &Variables,
    fresh: bool,
    stages: &mut Stages,
) -> anyhow::Result<(String, Option<Postgres>)> {
    let line = stages.next("Starting PostgreSQL", "");
    let (url, postgres) = match variables.get("DATABASE_URL") {
        Some(_) if fresh => {
            bail!(
                "--fresh is for the local database, but DATABASE_URL names another one; unset DATABASE_URL, or empty that database yourself"
            )
        }
        Some(given) => {
            line.finish("not necessary, since DATABASE_URL is set");
            (given.to_owned(), None)
        }
        None => {
            let postgres = Postgres::start(Server::Dev, &std::env::current_exe()?)?;
            if fresh {
                migrate::recreate_database(postgres.url()).await?;
            } else {
                migrate::create_database(postgres.url()).await?;
            }
            line.finish("");
            (postgres.url().to_owned(), Some(postgres))
        }
    };

    let line = stages.next("Migrating the database", "");
    let outcome = migrate::run(&url).await.with_context(|| match &postgres {
        Some(_) => "the database cannot be migrated",
        None => "the database of DATABASE_URL cannot be migrated",
    })?;
    let mut result = match outcome.applied.len() {
        0 => "it has all migrations".to_owned(),
        count => format!("{count} applied"),
    };
    if is_here(&url) {
        seed::run(&url.parse()?, &seed::SeedOptions::default()).await?;
    } else {
        result += "; no sample people, since it is on another machine";
    }
    line.finish(&result);
    Ok((url, postgres))
}

fn is_here(database: &str) -> bool {
    Url::parse(database).is_ok_and(|url| {
        matches!(
            url.host_str(),
            None | Some("localhost" | "127.0.0.1" | "[::1]")
        )
    })
}

/// Sets the variables that every function needs, unless they are set.
pub(crate) fn set_defaults(variables: &mut Variables) {
    variables.set_default("BETTER_AUTH_URL", "http://localhost:3001");
    variables.set_default("BETTER_AUTH_SECRET", SECRET);
    variables.set_default("NODE_ENV", "development");
}

/// For each service, whether the real one or the stand-in is used.
struct Services {
    github: &'static str,
    google: &'static str,
}

/// Sets the variables that the developer has not set. The stand-in takes the place of each service that has no client id.
fn configure(variables: &mut Variables, api: &str, provider: &Provider) -> Services {
    variables.set("BETTER_AUTH_URL", api);
    set_defaults(variables);
    let trusted = match variables.get("BETTER_AUTH_TRUSTED_ORIGINS") {
        Some(others) => format!("{others},{}", provider.url()),
        None => provider.url().to_owned(),
    };
    variables.set("BETTER_AUTH_TRUSTED_ORIGINS", trusted);

    let mut answers = |client: &str, settings: Vec<(&str, String)>| {
        if variables.get(client).is_some() {
            return "the real one";
        }
        for (name, value) in settings {
            variables.set(name, value);
        }
        "the local stand-in"
    };
    Services {
        github: answers("GITHUB_CLIENT_ID", provider.github_settings()),
        google: answers("GOOGLE_CLIENT_ID", provider.google_settings()),
    }
}

#[cfg(test)]
mod configuration {
    use super::*;

    #[test]
    fn only_a_database_on_this_machine_is_seeded() {
        assert!(is_here("postgres://postgres@127.0.0.1:5432/dev"));
        assert!(is_here("postgres://postgres@localhost/dev"));
        assert!(is_here("postgres:///dev"));
        assert!(!is_here("postgres://app:secret@db.codecave.tech/prod"));
        assert!(!is_here("host=db.codecave.tech"));
    }

    #[tokio::test]
    async fn the_stand_in_serves_where_no_client_is_configured() {
        let provider = Provider::start().await.unwrap();
        let mut variables = Variables::default();
        variables.set("GITHUB_CLIENT_ID", "real");
        variables.set("BETTER_AUTH_TRUSTED_ORIGINS", "https://preview.example");

        let services = configure(&mut variables, "http://localhost:3001", &provider);

        assert_eq!(services.github, "the real one");
        assert_eq!(services.google, "the local stand-in");
        assert_eq!(variables.get("GITHUB_TOKEN_URL"), None);
        assert_eq!(
            variables.get("GOOGLE_CLIENT_ID"),
            Some(provider::GOOGLE_CLIENT_ID)
        );
        assert_eq!(
            variables.get("BETTER_AUTH_TRUSTED_ORIGINS").unwrap(),
            format!("https://preview.example,{}", provider.url())
        );
    }
}
