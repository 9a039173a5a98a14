//! `cargo xtask coverage`: measures how many lines of the functions and of `shared` their tests execute.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use testkit::{
    postgres::{Postgres, Server},
    process::unless_stopped,
    programs, storage, target, workspace,
};
use tokio::process::Command;

use crate::{
    manifest::Manifest,
    migrate,
    sam::Tools,
    test::{local_storage, nextest},
    tools,
    variables::without_configuration,
};

/// What to measure
#[derive(Debug, clap::Args)]
pub struct CoverageOptions {
    /// Crates whose tests run and whose lines count [default: those in functions/ and shared/]
    packages: Vec<String>,
    /// Fail if the tests execute a smaller part of the lines, in percent
    #[arg(long, value_name = "PERCENT")]
    fail_under: Option<f64>,
    /// How many of the least covered files to list
    #[arg(long, default_value_t = 20)]
    files: usize,
}

/// Runs the tests and prints the result.
pub async fn run(options: &CoverageOptions) -> anyhow::Result<()> {
    match unless_stopped(measure(options)).await? {
        Some(outcome) => outcome,
        None => bail!("the measurement was stopped"),
    }
}

async fn measure(options: &CoverageOptions) -> anyhow::Result<()> {
    let crates = select(Manifest::read().await?.folders(), &options.packages)?;
    let report = target().join("coverage/report.json");
    run_tests(crates.keys(), &report).await?;
    let export: Export = serde_json::from_str(&fs::read_to_string(&report)?)?;
    let sources: Vec<PathBuf> = crates.values().map(|folder| folder.join("src")).collect();
    let coverage = Coverage::new(&export, &sources);
    print!("{}", coverage.text(options.files));
    let percent = coverage.total.percent();
    if let Some(least) = options.fail_under {
        ensure!(
            percent >= least,
            "the tests execute {percent:.2} % of the lines, and {least} % are required"
        );
    }
    Ok(())
}

/// The crates of those names, or those of the functions and of `shared`.
fn select(
    mut crates: BTreeMap<String, PathBuf>,
    names: &[String],
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    if names.is_empty() {
        crates.retain(|name, folder| {
            let folder = folder.strip_prefix(workspace()).unwrap_or(folder);
            (folder.starts_with("functions") || folder.starts_with("shared")) && name != "testing"
        });
        return Ok(crates);
    }
    names
        .iter()
        .map(|name| {
            let folder = crates.remove(name);
            Ok((
                name.clone(),
                folder.with_context(|| format!("there is no crate {name}"))?,
            ))
        })
        .collect()
}

/// Runs the tests of the crates, with counters in everything that they build. The result is one JSON document.
///
/// Some tests build and start programs of their own. They find the variables of the measurement in the environment, so that
/// these programs count, too.
async fn run_tests(crates: impl Iterator<Item = &String>, report: &Path) -> anyhow::Result<()> {
    let llvm_cov = match programs::find("cargo-llvm-cov") {
        Some(program) => program,
        None => Tools::llvm_cov().await?.program("cargo-llvm-cov"),
    };
    let nextest = nextest().await.context("the measurement needs nextest")?;
    let llvm = Llvm::find().await?;
    let postgres = Postgres::start(Server::Test, &std::env::current_exe()?)?;
    migrate::create_database(postgres.url()).await?;
    let storage = local_storage()?;
    let build = target().join("coverage/build");
    fs::create_dir_all(&build)?;
    let command = |program: &Path, variables: &[(String, String)]| {
        let mut command = Command::new(program);
        without_configuration(&mut command);
        command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("CARGO_TARGET_DIR", &build)
            .env("LLVM_COV", &llvm.cov)
            .env("LLVM_PROFDATA", &llvm.profdata)
            .current_dir(workspace());
        command
    };
    let shown = command(&llvm_cov, &[])
        .args(["llvm-cov", "show-env"])
        .stderr(Stdio::inherit())
        .output()
        .await?;
    ensure!(shown.status.success(), "cargo-llvm-cov failed");
    let variables = variables(&String::from_utf8(shown.stdout)?)?;

    let mut clean = command(&llvm_cov, &variables);
    clean.args(["llvm-cov", "clean", "--profraw-only"]);
    tools::run(&mut clean).await?;
    let mut tests = command(&nextest, &variables);
    tests
        .args(["nextest", "run", "--no-fail-fast"])
        .args(crates.flat_map(|name| ["--package", name]))
        .env("DATABASE_URL", postgres.url())
        .env("SQLX_OFFLINE", "true");
    if let Some(storage) = &storage {
        tests.env(storage::ENDPOINT, storage.endpoint());
    }
    tools::run(&mut tests).await?;
    let mut summary = command(&llvm_cov, &variables);
    summary
        .args(["llvm-cov", "report", "--json", "--summary-only"])
        .arg("--output-path")
        .arg(report);
    tools::run(&mut summary).await
}

/// Reads the lines of `cargo llvm-cov show-env`, such as `NAME='value'`.
fn variables(shown: &str) -> anyhow::Result<Vec<(String, String)>> {
    shown
        .lines()
        .map(|line| {
            let (name, value) = line.split_once('=').context("a variable has a value")?;
            let quoted = value
                .strip_prefix('\'')
                .and_then(|value| value.strip_suffix('\''));
            let value = quoted.unwrap_or(value);
            ensure!(!value.contains(['\'', '\\']), "{name} cannot be read");
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// LLVM's tools, which must be at least as new as the LLVM of the compiler.
struct Llvm {
    cov: PathBuf,
    profdata: PathBuf,
}

impl Llvm {
    /// Returns rustup's tools, or else those of the system with the compiler's version.
    async fn find() -> anyhow::Result<Self> {
        let output = |argument: &'static [&'static str]| async move {
            let output = Command::new("rustc").args(argument).output().await?;
            anyhow::Ok(String::from_utf8(output.stdout)?)
        };
        let libraries = output(&["--print", "target-libdir"]).await?;
        let version = output(&["--version", "--verbose"]).await?;
        let major = version
            .lines()
            .find_map(|line| line.strip_prefix("LLVM version: ")?.split('.').next());
        let major = major.context("rustc does not report its LLVM version")?;
        let rustup = Path::new(libraries.trim()).with_file_name("bin");
        let find = |name: &str| {
            let own = Some(rustup.join(name)).filter(|program| program.is_file());
            own.or_else(|| programs::find(format!("{name}-{major}")))
                .with_context(|| {
                    format!(
                        "{name} of LLVM {major} is not on this machine; run `rustup component add llvm-tools`, or \
                         install it (Debian: llvm-{major})"
                    )
                })
        };
        Ok(Self {
            cov: find("llvm-cov")?,
            profdata: find("llvm-profdata")?,
        })
    }
}

/// The document of `llvm-cov export`.
#[derive(Deserialize)]
struct Export {
    data: Vec<ExportData>,
}

#[derive(Deserialize)]
struct ExportData {
    files: Vec<ExportedFile>,
}

#[derive(Deserialize)]
struct ExportedFile {
    filename: PathBuf,
    summary: ExportSummary,
}

#[derive(Deserialize)]
struct ExportSummary {
    lines: Lines,
}

/// Lines with code, and those of them that the tests execute.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 lines")]
    fn percent(self) -> f64 {
        if self.count == 0 {
            return 100.0;
        }
        self.covered as f64 * 100.0 / self.count as f64
    }

    fn missed(self) -> u64 {
        self.count.saturating_sub(self.covered)
    }
}

/// The files of some folders, those with the most missed lines first.
#[derive(Debug, Default)]
struct Coverage {
    files: Vec<(PathBuf, Lines)>,
    total: Lines,
}

impl Coverage {
    fn new(export: &Export, folders: &[PathBuf]) -> Self {
        let mut coverage = Self::default();
        for file in export.data.iter().flat_map(|data| &data.files) {
            if !folders
                .iter()
                .any(|folder| file.filename.starts_with(folder))
            {
                continue;
            }
            let lines = file.summary.lines;
            coverage.total.count += lines.count;
            coverage.total.covered += lines.covered;
            let path = file.filename.strip_prefix(workspace());
            let path = path.unwrap_or(&file.filename).to_owned();
            coverage.files.push((path, lines));
        }
        coverage
            .files
            .sort_by_key(|(_, lines)| Reverse(lines.missed()));
        coverage
    }

    /// The total, and that many files.
    fn text(&self, files: usize) -> String {
        let mut lines: Vec<String> = self
            .files
            .iter()
            .filter(|(_, lines)| lines.missed() > 0)
            .take(files)
            .map(|(path, lines)| {
                let (missed, percent) = (lines.missed(), lines.percent());
                format!("{missed:>6} missed {percent:>6.2} %  {}", path.display())
            })
            .collect();
        let Lines { count, covered } = self.total;
        let percent = self.total.percent();
        lines.push(format!("{covered} of {count} lines, {percent:.2} %\n"));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_least_covered_files_of_the_folders_come_first() {
        let root = workspace();
        let file = |path: &str, count: u64, covered: u64| {
            json!({
                "filename": root.join(path),
                "summary": { "lines": { "count": count, "covered": covered, "percent": 0 } },
            })
        };
        let export = json!({ "data": [{ "files": [
            file("functions/users/src/user.rs", 100, 99),
            file("functions/users/src/profile.rs", 60, 50),
            file("functions/users/src/lib.rs", 40, 40),
            file("functions/users/tests/api/main.rs", 500, 0),
            file("xtask/src/main.rs", 500, 0),
        ] }] });
        let export: Export = serde_json::from_value(export).unwrap();

        let coverage = Coverage::new(&export, &[root.join("functions/users/src")]);

        let expected = [
            "    10 missed  83.33 %  functions/users/src/profile.rs",
            "     1 missed  99.00 %  functions/users/src/user.rs",
            "189 of 200 lines, 94.50 %\n",
        ];
        assert_eq!(coverage.text(20), expected.join("\n"));
        assert_eq!(coverage.text(1).lines().count(), 2);
    }

    #[test]
    fn variables_are_read_with_and_without_quotes() {
        let read = variables("A=1\nB=\'-C x=y\'\n").unwrap();

        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read, [pair("A", "1"), pair("B", "-C x=y")]);
        assert!(variables("A=\'it\'\\\'\'s\'").is_err());
    }

    #[test]
    fn the_functions_and_the_shared_crates_are_the_default() {
        let crates: BTreeMap<String, PathBuf> = [
            ("users", "functions/users"),
            ("platform", "shared/platform"),
            ("testing", "shared/testing"),
            ("xtask", "xtask"),
        ]
        .map(|(name, folder)| (name.to_owned(), workspace().join(folder)))
        .into();

        let names = |selected: BTreeMap<String, PathBuf>| selected.into_keys().collect::<Vec<_>>();
        let default = select(crates.clone(), &[]).unwrap();
        assert_eq!(names(default), ["platform", "users"]);
        let xtask = select(crates.clone(), &["xtask".to_owned()]).unwrap();
        assert_eq!(names(xtask), ["xtask"]);
        assert!(select(crates, &["user".to_owned()]).is_err());
    }
}
