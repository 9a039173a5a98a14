//! Writes the metadata that the query macros need into `.sqlx`, or compares it with the present files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use sqlx::migrate::MigrateDatabase as _;
use testkit::{
    cargo::cargo,
    postgres::{Postgres, Server},
    target, workspace,
};

use crate::migrate;

/// Replaces all files of `.sqlx`.
pub async fn write() -> anyhow::Result<()> {
    let folder = workspace().join(".sqlx");
    let made = collect().await?;
    if made != read(&folder)? {
        // Cargo does not know that the sources depend on these files.
        invalidate(workspace())?;
    }
    // The old files are removed only now that everything compiles.
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

/// Fails unless `.sqlx` has exactly the files that `write` would write.
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

/// Numbers of files that a refresh of `.sqlx` has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    pub written: usize,
    pub removed: usize,
}

/// Keeps `.sqlx` up to date between builds: adds new queries, and removes queries that no source contains any more.
pub struct Refresh {
    root: PathBuf,
    folder: PathBuf,
    /// Names of the files whose query is in a source as one literal. The text of a query with escapes or in pieces is never
    /// found, so these files are kept.
    quoted: BTreeSet<String>,
}

impl Refresh {
    /// Reads the `.sqlx` and the sources of the workspace at `root`.
    pub fn start(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join(".sqlx");
        let quoted = quoted(&read(&folder)?, &texts(root)?)?;
        Ok(Self {
            root: root.to_owned(),
            folder,
            quoted,
        })
    }

    /// Moves the files that a successful build wrote into `learned` to `.sqlx`.
    pub fn run(&mut self, learned: &Path) -> anyhow::Result<Refreshed> {
        let made = read(learned)?;
        for name in made.keys() {
            fs::remove_file(learned.join(name))?;
        }
        self.merge(&made, &texts(&self.root)?)
    }

    fn merge(&mut self, made: &Queries, sources: &[String]) -> anyhow::Result<Refreshed> {
        let mut refreshed = Refreshed::default();
        let mut present = read(&self.folder)?;
        for (name, text) in made {
            if present.get(name) != Some(text) {
                fs::write(self.folder.join(name), text)?;
                present.insert(name.clone(), text.clone());
                refreshed.written += 1;
            }
        }
        let quoted = quoted(&present, sources)?;
        for name in self.quoted.difference(&quoted) {
            if present.contains_key(name) {
                fs::remove_file(self.folder.join(name))?;
                refreshed.removed += 1;
            }
        }
        self.quoted = quoted;
        Ok(refreshed)
    }
}

/// Returns the names of the files whose query is in one of the sources.
fn quoted(queries: &Queries, sources: &[String]) -> anyhow::Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct QueryMetadata {
        query: String,
    }
    let mut names = BTreeSet::new();
    for (name, text) in queries {
        let metadata: QueryMetadata =
            serde_json::from_str(text).with_context(|| format!("{name} in .sqlx"))?;
        // With its quotes, because a query may be the beginning of another.
        let literal = format!("\"{}\"", metadata.query);
        if sources.iter().any(|source| source.contains(&literal)) {
            names.insert(name.clone());
        }
    }
    Ok(names)
}

/// Returns the text of every source that may contain queries.
fn texts(root: &Path) -> anyhow::Result<Vec<String>> {
    let texts = sources(root)?.into_iter().map(fs::read_to_string);
    Ok(texts.collect::<Result<_, _>>()?)
}

/// Makes the next build check all queries again, by renewing the times of the sources.
pub fn invalidate(root: &Path) -> anyhow::Result<RenewedTimes> {
    let now = SystemTime::now();
    let mut before = Vec::new();
    for source in sources(root)? {
        before.push((source.clone(), fs::metadata(&source)?.modified()?));
        set_modified(&source, now)?;
    }
    Ok(RenewedTimes { now, before })
}

/// Times of the sources before a build checked their queries.
#[derive(Debug)]
pub struct RenewedTimes {
    now: SystemTime,
    before: Vec<(PathBuf, SystemTime)>,
}

impl RenewedTimes {
    /// Sets the times back, so that other builds do not compile the same sources again. Leaves a source that has changed since.
    fn restore(self) -> anyhow::Result<()> {
        for (source, before) in self.before {
            if fs::metadata(&source)?.modified()? == self.now {
                set_modified(&source, before)?;
            }
        }
        Ok(())
    }
}

fn set_modified(file: &Path, time: SystemTime) -> anyhow::Result<()> {
    File::options()
        .append(true)
        .open(file)?
        .set_modified(time)?;
    Ok(())
}

/// The texts of the files, by name.
type Queries = BTreeMap<String, String>;

/// Returns a line for each file that is missing, stale or left over.
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

/// Compiles the workspace against a scratch database, and returns the files that the query macros write.
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
    // Cargo compiles only changed sources, and the macros write files only for sources that are compiled.
    let times = invalidate(workspace())?;
    let status = Command::new(cargo())
        .args(["check", "--workspace", "--all-targets", "--all-features"])
        .current_dir(workspace())
        .env("DATABASE_URL", url)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", folder)
        .status();
    times.restore()?;
    if !status?.success() {
        bail!("the workspace does not compile against the migrated database");
    }
    Ok(())
}

/// Returns the sources that may contain queries. `xtask` contains none, because it must compile without `.sqlx`.
fn sources(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = vec![root.join("functions"), root.join("shared")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            // A link leads to another folder of the workspace.
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs")
            {
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
    use std::{os::unix::fs::symlink, time::Duration};

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

    fn metadata(query: &str) -> String {
        serde_json::json!({ "query": query }).to_string()
    }

    #[test]
    fn times_are_set_back_but_not_those_of_later_changes() {
        let root = std::env::temp_dir().join(format!("xtask-times-{}", std::process::id()));
        fs::create_dir_all(root.join("functions")).unwrap();
        fs::create_dir_all(root.join("shared")).unwrap();
        let (kept, changed) = (
            root.join("functions/kept.rs"),
            root.join("shared/changed.rs"),
        );
        let [old, later] =
            [1, 2].map(|days| SystemTime::UNIX_EPOCH + Duration::from_hours(24 * days));
        for source in [&kept, &changed] {
            fs::write(source, "").unwrap();
            set_modified(source, old).unwrap();
        }
        // Each function has links to the other folders that its program is built from.
        symlink(root.join("shared"), root.join("functions/shared")).unwrap();
        let mut found = sources(&root).unwrap();
        found.sort();
        let time = |source: &Path| fs::metadata(source).unwrap().modified().unwrap();

        let times = invalidate(&root).unwrap();
        let renewed = [time(&kept), time(&changed)];
        set_modified(&changed, later).unwrap();
        times.restore().unwrap();

        let restored = [time(&kept), time(&changed)];
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, [kept, changed]);
        assert!(renewed.iter().all(|time| *time > later));
        assert_eq!(restored, [old, later]);
    }

    #[test]
    fn a_changed_query_replaces_the_old_one() {
        let folder = std::env::temp_dir().join(format!("xtask-refresh-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, query| fs::write(folder.join(name), metadata(query)).unwrap();
        write("old.json", "select 1");
        write("kept.json", "select 2");
        write("escaped.json", "select \"id\"");
        let before = ["\"select 1\" \"select 2\" \"select \\\"id\\\"\"".to_owned()];
        let after = ["\"select 1 + 1\" \"select 2\"".to_owned()];
        let mut refresh = Refresh {
            quoted: quoted(&read(&folder).unwrap(), &before).unwrap(),
            root: folder.clone(),
            folder: folder.clone(),
        };

        let made = Queries::from([("new.json".to_owned(), metadata("select 1 + 1"))]);
        let refreshed = refresh.merge(&made, &after).unwrap();
        let nothing = refresh.merge(&made, &after).unwrap();

        let names: Vec<_> = read(&folder).unwrap().into_keys().collect();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((refreshed.written, refreshed.removed), (1, 1));
        assert_eq!(nothing, Refreshed::default());
        assert_eq!(names, ["escaped.json", "kept.json", "new.json"]);
    }
}
