//! Writes what the query macros need to know of the database into `.sqlx`, or compares it with what is there.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context as _, bail};
use sqlx::migrate::MigrateDatabase as _;
use testkit::{
    postgres::{Postgres, Server},
    target, workspace,
};

use crate::migrate;

/// Makes `.sqlx` anew.
pub async fn write() -> anyhow::Result<()> {
    let folder = workspace().join(".sqlx");
    let made = collect().await?;
    // Only now that everything compiles: a failure leaves the old ones.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    for (name, text) in &made {
        fs::write(folder.join(name), text)?;
    }
    println!("{} queries in {}", made.len(), folder.display());
    Ok(())
}

/// Fails unless `.sqlx` is what `write` would make of it, with nothing left over.
pub async fn check() -> anyhow::Result<()> {
    let made = collect().await?;
    let present = read(&workspace().join(".sqlx"))?;
    let problems = differences(&made, &present);
    if !problems.is_empty() {
        bail!(
            ".sqlx is not up to date, run `cargo xtask sqlx-prepare`:\n  {}",
            problems.join("\n  ")
        );
    }
    println!("{} queries are up to date", made.len());
    Ok(())
}

/// The text of each file, by its name.
type Queries = BTreeMap<String, String>;

/// What is wrong with the files that are present.
fn differences(made: &Queries, present: &Queries) -> Vec<String> {
    let missing = made
        .keys()
        .filter(|name| !present.contains_key(*name))
        .map(|name| format!("{name} is missing"));
    let wrong = present
        .iter()
        .filter_map(|(name, text)| match made.get(name) {
            None => Some(format!("{name} is left over")),
            Some(made) if made != text => Some(format!("{name} is stale")),
            Some(_) => None,
        });
    missing.chain(wrong).collect()
}

/// Compiles everything against a scratch database; the macros write what they learn.
async fn collect() -> anyhow::Result<Queries> {
    let postgres = Postgres::obtain(Server::Test)?;
    let (address, options) = match postgres.url().split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (postgres.url(), String::new()),
    };
    let (server, _) = address
        .rsplit_once('/')
        .context("the database's address names no database")?;
    let scratch = format!("{server}/sqlx_prepare_{}{options}", std::process::id());
    let folder = target().join(format!("sqlx-prepare-{}", std::process::id()));

    sqlx::Postgres::create_database(&scratch).await?;
    let outcome = async {
        migrate::run(&scratch).await?;
        fs::create_dir_all(&folder)?;
        compile(&scratch, &folder)?;
        read(&folder)
    }
    .await;
    sqlx::Postgres::force_drop_database(&scratch).await?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    outcome
}

fn compile(url: &str, folder: &Path) -> anyhow::Result<()> {
    // Cargo compiles what has changed, and the macros write nothing for what it does not compile.
    let now = SystemTime::now();
    for source in sources()? {
        File::options()
            .append(true)
            .open(source)?
            .set_modified(now)?;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["check", "--workspace", "--all-targets", "--all-features"])
        .current_dir(workspace())
        .env("DATABASE_URL", url)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", folder)
        .status()?;
    if !status.success() {
        bail!("the workspace does not compile against the migrated database");
    }
    Ok(())
}

/// The sources that may hold queries. These commands hold none: they must compile before `.sqlx` is there.
fn sources() -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = vec![workspace().join("functions"), workspace().join("shared")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    Ok(sources)
}

fn read(folder: &Path) -> anyhow::Result<Queries> {
    let mut queries = Queries::new();
    if !folder.exists() {
        return Ok(queries);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let (Some(name), "json") = (
            path.file_name(),
            path.extension().unwrap_or_default().to_str().unwrap_or(""),
        ) {
            let name = name.to_string_lossy().into_owned();
            queries.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(queries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(files: [(&str, &str); 2]) -> Queries {
        files
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into()
    }

    #[test]
    fn differences_are_found_in_both_directions() {
        let made = queries([("a.json", "1"), ("b.json", "2")]);

        assert_eq!(differences(&made, &made), Vec::<String>::new());
        assert_eq!(
            differences(&made, &queries([("b.json", "3"), ("c.json", "4")])),
            [
                "a.json is missing",
                "b.json is stale",
                "c.json is left over"
            ]
        );
    }
}
