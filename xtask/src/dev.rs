//! `cargo xtask dev`: the whole backend on this machine.

use anyhow::Context as _;
use provider::Provider;
use sqlx::{Connection as _, PgConnection};
use testkit::{
    postgres::{Postgres, Server},
    process::unless_stopped,
    target, workspace,
};
use url::Url;

use crate::{
    bundle, migrate, seed,
    variables::Variables,
    watch::{Reload, Watch, claim},
};

/// `BETTER_AUTH_SECRET` where none is set.
pub(crate) const SECRET: &str = "a-secret-for-development-only-0123456789";

/// Where things answer.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Port of the API
    #[arg(long, default_value_t = 3001)]
    port: u16,
    /// Port of the page to sign in from and of the stand-in for GitHub and Google
    #[arg(long, default_value_t = 3002)]
    provider_port: u16,
}

/// Starts everything and keeps it running until Ctrl-C or SIGTERM; then nothing is left of it.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(outcome) = unless_stopped(serve(options)).await? {
        return outcome;
    }
    eprintln!("\nEverything is stopped.");
    Ok(())
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    claim(options.port, "--port")?;
    claim(options.provider_port, "--provider-port")?;
    let mut variables = Variables::read(&workspace().join(".env"))?;
    let api = format!("http://localhost:{}", options.port);

    let (database, _postgres) = database(&variables).await?;
    variables.set("DATABASE_URL", &database);
    variables.set("SQLX_OFFLINE", "false");

    eprintln!("Building the functions …");
    bundle::build_against(&database).await?;

    let provider = Provider::for_api(&api, options.provider_port).await?;
    let services = configure(&mut variables, &api, &provider);
    let mut watch =
        Watch::start(options.port, Reload::OnChange, variables.into_pairs(), None).await?;
    eprintln!("Waiting for the functions …");
    watch.ready().await?;

    println!();
    println!("  Sign in from  {}", provider.url());
    println!("  API           {api}, described at {api}/docs");
    println!("  Database      {database}");
    println!("  GitHub        {}", services.github);
    println!("  Google        {}", services.google);
    println!();
    println!("ready; Ctrl-C stops everything");
    watch.ended().await
}

/// The migrated database, with some people and projects in it.
async fn database(variables: &Variables) -> anyhow::Result<(String, Option<Postgres>)> {
    let postgres = if variables.get("DATABASE_URL").is_none() {
        eprintln!("Starting PostgreSQL …");
        let postgres = Postgres::start(Server::Dev, &std::env::current_exe()?)?;
        migrate::create_database(postgres.url()).await?;
        Some(postgres)
    } else {
        None
    };
    let given = variables.get("DATABASE_URL");
    let url = postgres
        .as_ref()
        .map(Postgres::url)
        .or(given)
        .unwrap_or_default()
        .to_owned();

    eprintln!("Migrating the database …");
    migrate::run(&url).await.with_context(|| match &postgres {
        Some(_) => format!(
            "the database cannot be migrated; remove {} to start afresh",
            target().join("postgres").display()
        ),
        None => "the database of DATABASE_URL cannot be migrated".to_owned(),
    })?;
    if is_here(&url) {
        let mut db = PgConnection::connect(&url).await?;
        seed::run(&mut db, &seed::Options::default()).await?;
        db.close().await?;
    } else {
        eprintln!("The database is on another machine, so no sample people are put into it.");
    }
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

/// Who answers for the two services.
struct Services {
    github: &'static str,
    google: &'static str,
}

/// Sets what a function needs and the developer has not set: the stand-in takes the place of each service for which
/// there is no client.
fn configure(variables: &mut Variables, api: &str, provider: &Provider) -> Services {
    variables.set("BETTER_AUTH_URL", api);
    variables.set_default("BETTER_AUTH_SECRET", SECRET);
    variables.set_default("NODE_ENV", "development");
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
mod tests {
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
