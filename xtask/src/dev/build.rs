//! Builds all functions with one cargo call.

use std::{collections::BTreeMap, path::PathBuf};

use launch::{Progress, without_escapes};
use testkit::cargo::cargo;
use tokio::process::Command;

use super::front::Problem;
use crate::{
    bundle::FUNCTIONS,
    compiler::{self, Built},
};

/// The workspace that is built.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The workspace's root.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// Address of the database against which queries are checked.
    pub database: String,
}

impl Workspace {
    /// Returns the folder into which a build writes the metadata of the queries that it checks.
    pub fn learned(&self) -> PathBuf {
        self.target.join("dev-queries")
    }
}

/// Builds the functions and checks their queries against a database instead of `.sqlx`. An error in one function does not
/// stop the build of the others.
///
/// Selects the whole workspace, so that the functions and the tests use the same builds of their dependencies.
pub async fn build(
    workspace: &Workspace,
    progress: impl FnMut(&Progress),
) -> anyhow::Result<Built> {
    let mut command = Command::new(cargo());
    command
        .args(["build", "--workspace", "--keep-going"])
        .args(FUNCTIONS.map(|name| format!("--bin={name}")))
        .arg("--target-dir")
        .arg(&workspace.target)
        .current_dir(&workspace.root)
        .env("DATABASE_URL", &workspace.database)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", workspace.learned());
    compiler::run(&mut command, progress).await
}

/// Returns the problem of each function that was not built.
pub fn problems(built: &Built) -> BTreeMap<&'static str, Problem> {
    let Some(first) = built.errors.first() else {
        return BTreeMap::new();
    };
    let details: Vec<_> = built
        .errors
        .iter()
        .map(|error| without_escapes(&error.rendered))
        .collect();
    let problem = Problem {
        summary: first.summary.clone(),
        details: details.join("\n"),
    };
    FUNCTIONS
        .into_iter()
        .filter(|name| !built.binaries.contains_key(*name))
        .map(|name| (name, problem.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::compiler::CompileError;

    use super::*;

    #[test]
    fn a_function_that_was_not_built_has_the_first_error() {
        let error = |summary: &str| CompileError {
            summary: summary.to_owned(),
            rendered: format!("\u{1b}[1merror\u{1b}[0m: {summary}\n"),
        };
        let names = ["auth", "projects", "social", "health", "migrate"];
        let built = Built {
            binaries: names
                .map(|name| (name.to_owned(), PathBuf::from(name)))
                .into(),
            errors: vec![error("a"), error("b")],
            warnings: 0,
        };

        let problems = problems(&built);

        assert_eq!(problems.keys().copied().collect::<Vec<_>>(), ["users"]);
        assert_eq!(problems["users"].summary, "a");
        assert_eq!(problems["users"].details, "error: a\n\nerror: b\n");
    }
}
