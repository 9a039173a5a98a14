//! Keeps the running functions up to date with their sources.

use std::{
    collections::BTreeMap,
    fs,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use launch::without_escapes;

use super::{
    build::{self, Workspace},
    front::{Front, Problem, for_all},
    inputs::Inputs,
    stages::Stages,
};
use crate::{
    compiler::Built,
    migrate,
    prepare::{self, Refresh, Refreshed},
};

/// Builds and restarts the functions when their sources change, and reports the result.
pub struct Workshop {
    front: Arc<Front>,
    workspace: Workspace,
    refresh: Refresh,
    inputs: Inputs,
    /// Addresses that each report repeats, because the first lines have scrolled away by then.
    addresses: String,
}

/// The result of one round: migrations, a build and restarts.
#[derive(Debug, Default)]
struct Round {
    migrated: Vec<String>,
    reloaded: Vec<&'static str>,
    problems: BTreeMap<&'static str, Problem>,
    /// Texts for the terminal, with colours.
    diagnostics: Vec<String>,
    warnings: usize,
    refreshed: Refreshed,
}

impl Workshop {
    /// Starts to watch the sources. Nothing is built yet.
    pub fn new(front: Arc<Front>, workspace: Workspace, addresses: String) -> anyhow::Result<Self> {
        fs::create_dir_all(workspace.learned())?;
        front.building("the first build has begun");
        Ok(Self {
            front,
            refresh: Refresh::start(&workspace.root)?,
            inputs: Inputs::watch(&workspace.root),
            workspace,
            addresses,
        })
    }

    /// Builds and starts the functions for the first time. An error in the sources is reported and is not an error of this
    /// function.
    pub async fn open(&mut self, stages: &mut Stages) -> anyhow::Result<()> {
        let mut line = stages.next(
            "Building the functions",
            "(some minutes the first time, seconds from then on)",
        );
        let built = build::build(&self.workspace, |progress| {
            line.update(&progress.to_string());
            self.front.building(&progress.to_string());
        })
        .await?;
        line.finish(if built.errors.is_empty() {
            ""
        } else {
            "it does not compile"
        });

        let line = stages.next("Starting the functions", "");
        let mut round = Round::default();
        self.take(built, &mut round).await?;
        line.finish("");
        if !round.problems.is_empty() || !round.diagnostics.is_empty() {
            self.report(&round, Duration::ZERO);
        }
        self.front.built(round.problems);
        Ok(())
    }

    /// Waits for changes and rebuilds, until an error that is not in the sources.
    pub async fn run(&mut self) -> anyhow::Result<()> {
        let mut broken = false;
        loop {
            let changed = self.inputs.changed().await;
            if changed.iter().any(|path| path == Path::new(".env")) {
                eprintln!(".env has changed; start `cargo xtask dev` again to use it");
            }
            let started = Instant::now();
            let round = self.rebuild(changed).await?;
            let solved = broken && round.problems.is_empty();
            broken = !round.problems.is_empty();
            if round.should_report() || solved {
                self.report(&round, started.elapsed());
            }
            self.front.built(round.problems);
        }
    }

    /// Applies new migrations and builds. Starts again when the sources change meanwhile.
    async fn rebuild(&mut self, mut changed: Vec<PathBuf>) -> anyhow::Result<Round> {
        let mut migrated = Vec::new();
        loop {
            self.front.building("the sources have just changed");
            if changed.iter().any(|path| is_migration(path)) {
                let folder = self.workspace.root.join("migrations");
                match migrate::run_from(&folder, &self.workspace.database).await {
                    Ok(outcome) => {
                        let names = outcome.applied.iter();
                        migrated.extend(names.map(|(version, name)| format!("{version} {name}")));
                        // Every query is checked against the new schema.
                        prepare::invalidate(&self.workspace.root)?;
                        self.inputs.forget();
                    }
                    Err(error) => return Ok(Round::not_migrated(&error)),
                }
            }
            let front = &self.front;
            let build = build::build(&self.workspace, |progress| {
                front.building(&progress.to_string());
            });
            let built = tokio::select! {
                built = build => built?,
                more = self.inputs.changed() => {
                    changed = more;
                    continue;
                }
            };
            let mut round = Round {
                migrated,
                ..Round::default()
            };
            self.take(built, &mut round).await?;
            return Ok(round);
        }
    }

    /// Restarts the functions whose binaries have changed, and refreshes `.sqlx`.
    async fn take(&mut self, built: Built, round: &mut Round) -> anyhow::Result<()> {
        round.problems = build::problems(&built);
        round.warnings = built.warnings;
        if built.errors.is_empty() {
            round.refreshed = self.refresh.run(&self.workspace.learned())?;
        }
        round.diagnostics = built
            .errors
            .into_iter()
            .map(|error| error.rendered)
            .collect();
        let binaries = &built.binaries;
        let restarts = self.front.functions().filter_map(|(name, function)| {
            let binary = binaries.get(name)?;
            Some(async move { (name, function.reload(binary).await) })
        });
        for (name, outcome) in join_all(restarts).await {
            match outcome {
                Ok(true) => round.reloaded.push(name),
                Ok(false) => {}
                Err(error) => {
                    let problem = Problem {
                        summary: format!("{name} does not start: {error:#}"),
                        details: String::new(),
                    };
                    round.diagnostics.push(problem.summary.clone());
                    round.problems.insert(name, problem);
                }
            }
        }
        Ok(())
    }

    fn report(&self, round: &Round, took: Duration) {
        let colours = std::io::stderr().is_terminal();
        for text in &round.diagnostics {
            let text = text.trim_end();
            if colours {
                eprintln!("{text}");
            } else {
                eprintln!("{}", without_escapes(text));
            }
        }
        for migration in &round.migrated {
            eprintln!("applied {migration}");
        }
        eprintln!("{}; {}", round.sentence(took), self.addresses);
    }
}

impl Round {
    fn not_migrated(error: &anyhow::Error) -> Self {
        let text = format!("{error:#}");
        let (summary, details) = text.split_once('\n').unwrap_or((&text, ""));
        let problem = Problem {
            summary: summary.to_owned(),
            details: details.to_owned(),
        };
        Self {
            problems: for_all(&problem),
            diagnostics: vec![text],
            ..Self::default()
        }
    }

    fn should_report(&self) -> bool {
        !self.reloaded.is_empty()
            || !self.migrated.is_empty()
            || !self.diagnostics.is_empty()
            || self.refreshed != Refreshed::default()
    }

    /// Describes the result in one line.
    fn sentence(&self, took: Duration) -> String {
        let mut parts = Vec::new();
        if !self.reloaded.is_empty() {
            parts.push(format!("reloaded {}", self.reloaded.join(", ")));
        }
        if !self.problems.is_empty() {
            let names: Vec<_> = self.problems.keys().copied().collect();
            parts.push(format!(
                "requests to {} get 503 until this is fixed",
                names.join(", ")
            ));
        }
        if self.refreshed != Refreshed::default() {
            let Refreshed { written, removed } = self.refreshed;
            parts.push(format!(
                "queries in .sqlx: {written} written, {removed} removed"
            ));
        }
        if self.warnings > 0 {
            parts.push(format!("{} warnings from cargo clippy", self.warnings));
        }
        if parts.is_empty() {
            parts.push("everything compiles".to_owned());
        }
        let sentence = parts.join(", ");
        if took > Duration::ZERO {
            format!("{sentence} ({:.1} s)", took.as_secs_f32())
        } else {
            sentence
        }
    }
}

fn is_migration(path: &Path) -> bool {
    path.starts_with("migrations") && path.extension().is_some_and(|extension| extension == "sql")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_reported_in_one_line() {
        let round = Round {
            reloaded: vec!["users"],
            warnings: 2,
            refreshed: Refreshed {
                written: 1,
                removed: 1,
            },
            ..Round::default()
        };

        assert_eq!(
            round.sentence(Duration::from_millis(3240)),
            "reloaded users, queries in .sqlx: 1 written, 1 removed, 2 warnings from cargo clippy (3.2 s)"
        );
        assert!(!Round::default().should_report());
    }

    #[test]
    fn a_failed_migration_stops_every_function_and_is_reported() {
        let error = anyhow::anyhow!("migrations/1_a.sql:3: no such column\n    select x");

        let round = Round::not_migrated(&error);

        assert_eq!(round.problems.len(), 5);
        let problem = &round.problems["social"];
        assert_eq!(problem.summary, "migrations/1_a.sql:3: no such column");
        assert_eq!(problem.details, "    select x");
        assert!(round.sentence(Duration::ZERO).contains("get 503"));
    }

    #[test]
    fn only_sql_files_of_the_folder_are_migrations() {
        assert!(is_migration(Path::new("migrations/1_a.sql")));
        assert!(!is_migration(Path::new("migrations/src/lib.rs")));
        assert!(!is_migration(Path::new("functions/users/src/a.sql")));
    }
}
