//! `cargo xtask test`: all tests, with everything that they need.

mod clients;
mod contract;
mod cutover;
mod node;
mod outcome;
mod runner;
mod rust;

use anyhow::{Context as _, bail};
use testkit::{
    database,
    postgres::{Postgres, Server},
    process::unless_stopped,
};

pub(crate) use self::rust::{local_storage, nextest};
use self::{outcome::Outcome, rust::Tests};
use crate::{manifest::Manifest, migrate, stage::Programs};

/// Which tests to run; without a name all of them
#[derive(Debug, clap::Args)]
pub struct TestOptions {
    /// A suite (rust, pooler, clients, cutover or contract) or a crate of the workspace (users, shared, xtask, …)
    name: Option<String>,
    /// Of a crate, the tests whose names contain this
    #[arg(requires = "name")]
    filter: Option<String>,
    /// The programs that clients and contract test [default: functions for clients, all for contract]
    #[arg(long, value_enum)]
    programs: Option<Programs>,
}

/// Tests that need the same surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suite {
    /// The Rust tests of the whole workspace, each on a database of its own.
    Rust,
    /// The functions' HTTP tests once more, behind a real `PgBouncer` in transaction mode.
    Pooler,
    /// The official Better Auth clients and a typed one against the functions under `cargo lambda watch`.
    Clients,
    /// The functions and a Node server like the one that they replace, on one database.
    Cutover,
    /// One process with all groups against its own OpenAPI document, with requests that schemathesis generates.
    Contract,
}

impl Suite {
    const ALL: [Self; 5] = [
        Self::Rust,
        Self::Pooler,
        Self::Clients,
        Self::Cutover,
        Self::Contract,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Pooler => "pooler",
            Self::Clients => "clients",
            Self::Cutover => "cutover",
            Self::Contract => "contract",
        }
    }

    fn needs_compiled_tests(self) -> bool {
        matches!(self, Self::Rust | Self::Pooler)
    }

    fn needs_node(self) -> bool {
        matches!(self, Self::Clients | Self::Cutover)
    }
}

/// The tests that one call runs.
#[derive(Debug, PartialEq, Eq)]
enum Selection {
    Suites(Vec<Suite>),
    Crate {
        name: String,
        filter: Option<String>,
    },
}

impl TestOptions {
    fn selection(self, crates: &[String]) -> anyhow::Result<Selection> {
        let Self { name, filter, .. } = self;
        let Some(name) = name else {
            return Ok(Selection::Suites(Suite::ALL.to_vec()));
        };
        if let Some(suite) = Suite::ALL.into_iter().find(|suite| suite.name() == name) {
            if filter.is_some() {
                bail!(
                    "only the tests of a crate can be filtered, such as `cargo xtask test users search`"
                );
            }
            return Ok(Selection::Suites(vec![suite]));
        }
        if !crates.contains(&name) {
            let suites = Suite::ALL.map(Suite::name).join(", ");
            bail!(
                "{name} is neither a suite ({suites}) nor a crate ({})",
                crates.join(", ")
            );
        }
        Ok(Selection::Crate { name, filter })
    }
}

/// Runs the tests, all of them even when some fail, and reports each suite's result in one line.
pub async fn run(options: TestOptions) -> anyhow::Result<()> {
    let programs = options.programs;
    let selection = options.selection(&Manifest::read().await?.crates())?;
    match unless_stopped(all(selection, programs)).await? {
        Some(outcome) => outcome,
        None => bail!("the tests were stopped"),
    }
}

async fn all(selection: Selection, programs: Option<Programs>) -> anyhow::Result<()> {
    if selection == Selection::Suites(Suite::ALL.to_vec()) {
        eprintln!("All tests take about 10 minutes once everything is built, and 20 from nothing.");
    }
    // A missing program is reported before the first suite runs.
    let npm = match &selection {
        Selection::Suites(suites) if suites.iter().any(|suite| suite.needs_node()) => {
            Some(node::package_manager()?)
        }
        _ => None,
    };
    let npm = || npm.as_deref().context("npm is looked up before");
    let postgres = Postgres::start(Server::Test, &std::env::current_exe()?)?;
    migrate::create_database(postgres.url()).await?;
    let server = postgres.url();

    let mut outcomes = Vec::new();
    match selection {
        Selection::Suites(suites) => {
            let mut tests = None;
            for suite in suites {
                if !suite.needs_compiled_tests() {
                    // Their storage ends with them. The one that a later suite starts uses the same folder.
                    tests = None;
                } else if tests.is_none() {
                    // Tests that do not compile end the run. A suite that stops later does not keep the others from running.
                    tests = Some(Tests::of_workspace(server).await?);
                }
                let tests = || tests.as_ref().context("the tests are compiled before");
                let run = async {
                    match suite {
                        Suite::Rust => rust::all(tests()?).await,
                        Suite::Pooler => rust::pooler(tests()?).await,
                        Suite::Clients => {
                            clients::run(npm()?, server, programs.unwrap_or(Programs::Functions))
                                .await
                        }
                        Suite::Cutover => cutover::run(npm()?, server).await,
                        Suite::Contract => {
                            contract::run(server, programs.unwrap_or(Programs::All)).await
                        }
                    }
                };
                let stopped = |error| Outcome::stopped(suite.name(), &error);
                outcomes.push(run.await.unwrap_or_else(stopped));
            }
        }
        Selection::Crate { name, filter } => {
            outcomes.push(rust::package(server, &name, filter.as_deref()).await?);
        }
    }
    database::remove_leftovers(&postgres.admin_url()).await?;
    summarize(&outcomes)
}

fn summarize(outcomes: &[Outcome]) -> anyhow::Result<()> {
    println!();
    for figures in outcomes.iter().flat_map(|outcome| &outcome.measured) {
        println!("{figures}");
    }
    for outcome in outcomes {
        print!("{}", outcome.failures());
    }
    for outcome in outcomes {
        println!("{outcome}");
    }
    if outcomes.iter().all(Outcome::is_success) {
        return Ok(());
    }
    bail!("tests failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(name: Option<&str>, filter: Option<&str>) -> anyhow::Result<Selection> {
        let options = TestOptions {
            name: name.map(Into::into),
            filter: filter.map(Into::into),
            programs: None,
        };
        options.selection(&["users".to_owned(), "shared".to_owned()])
    }

    #[test]
    fn a_name_is_a_suite_or_a_crate() {
        assert_eq!(
            selection(None, None).unwrap(),
            Selection::Suites(Suite::ALL.to_vec())
        );
        assert_eq!(
            selection(Some("pooler"), None).unwrap(),
            Selection::Suites(vec![Suite::Pooler])
        );
        assert_eq!(
            selection(Some("users"), Some("search")).unwrap(),
            Selection::Crate {
                name: "users".to_owned(),
                filter: Some("search".to_owned())
            }
        );
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = selection(Some("user"), None).unwrap_err().to_string();

        assert_eq!(
            error,
            "user is neither a suite (rust, pooler, clients, cutover, contract) nor a crate (users, shared)"
        );
        assert!(selection(Some("rust"), Some("search")).is_err());
    }
}
