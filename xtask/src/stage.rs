//! Where tests from outside take place: the bundle with a database and a provider of its own.

use std::{fs::File, net::TcpListener};

use provider::Provider;
use sqlx::migrate::MigrateDatabase as _;
use url::Url;

use crate::{
    migrate, target,
    watch::{Reload, Watch},
};

/// The running bundle and what it works with.
pub struct Stage {
    watch: Watch,
    pub provider: Provider,
    /// Address of the database, which has all migrations and nobody in it.
    pub database: String,
}

impl Stage {
    /// The address of the API, without a slash at its end.
    pub fn url(&self) -> &str {
        self.watch.url()
    }
}

/// Does the work against the bundle, which has been built, with these settings beside the necessary ones. Where the work
/// fails, or `failed` says so of its outcome, it tells where to read what the functions said.
pub async fn with_bundle<T>(
    name: &str,
    server: &str,
    settings: &[(&'static str, &str)],
    failed: impl Fn(&T) -> bool,
    work: impl AsyncFnOnce(&Stage) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let database = fresh_database(name, server).await?;
    let log = target().join(format!("{name}.log"));
    let outcome = async {
        let provider = Provider::start().await?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut variables = provider.settings();
        variables.extend([
            ("DATABASE_URL", database.clone()),
            ("BETTER_AUTH_URL", format!("http://localhost:{port}")),
            ("NODE_ENV", "test".to_owned()),
        ]);
        variables.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let log = Some(File::create(&log)?);
        let mut stage = Stage {
            watch: Watch::start(port, Reload::Never, variables, log).await?,
            provider,
            database: database.clone(),
        };
        stage.watch.ready().await?;
        work(&stage).await
    }
    .await;
    sqlx::Postgres::force_drop_database(&database).await?;
    if outcome.as_ref().map_or(true, failed) {
        eprintln!("what the functions said is in {}", log.display());
    }
    outcome
}

/// A migrated database on that server, which nobody else uses.
async fn fresh_database(name: &str, server: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(server)?;
    url.set_path(&format!("{name}_{}", std::process::id()));
    migrate::create_database(url.as_str()).await?;
    migrate::run(url.as_str()).await?;
    Ok(url.into())
}
