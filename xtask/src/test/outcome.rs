//! The result of a suite.

use std::{fmt, fs, path::PathBuf, time::Duration};

use testkit::target;

/// Numbers of tests that passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub test: String,
    /// The lines of its output with the reason.
    pub reason: Vec<String>,
    /// The command that runs it again.
    pub repeat: String,
}

/// Returns the file for the whole output of a suite, and creates its folder.
pub fn log_file(suite: &str) -> anyhow::Result<PathBuf> {
    let folder = target().join("test");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{suite}.log")))
}

/// The result of a suite.
#[derive(Debug)]
pub struct Outcome {
    pub suite: &'static str,
    pub tally: Tally,
    pub failures: Vec<Failure>,
    /// The tests that failed at first and passed when they were repeated.
    pub flaky: Vec<String>,
    /// Figures that tests measured.
    pub measured: Vec<String>,
    /// Whether the program that ran the tests ended with success.
    pub success: bool,
    pub duration: Duration,
    /// The file with the whole output, if there is any.
    pub log: Option<PathBuf>,
}

impl Outcome {
    /// A suite that this machine cannot run, counted as one test.
    pub fn skipped(suite: &'static str) -> Self {
        Self {
            suite,
            tally: Tally {
                skipped: 1,
                ..Tally::default()
            },
            failures: Vec::new(),
            flaky: Vec::new(),
            measured: Vec::new(),
            success: true,
            duration: Duration::ZERO,
            log: None,
        }
    }

    /// A suite that cannot run its tests or report their results, counted as one failed test.
    pub fn stopped(suite: &'static str, error: &anyhow::Error) -> Self {
        Self {
            tally: Tally {
                failed: 1,
                ..Tally::default()
            },
            failures: vec![Failure {
                test: format!("{suite}, which did not run to its end"),
                reason: vec![format!("{error:#}")],
                repeat: format!("cargo xtask test {suite}"),
            }],
            success: false,
            ..Self::skipped(suite)
        }
    }

    /// Adds another part of the suite.
    pub fn merge(&mut self, other: Self) {
        self.tally.add(other.tally);
        if !other.is_success() {
            self.log = other.log;
        }
        self.failures.extend(other.failures);
        self.flaky.extend(other.flaky);
        self.measured.extend(other.measured);
        self.success &= other.success;
        self.duration += other.duration;
    }

    pub fn is_success(&self) -> bool {
        self.success && self.tally.failed == 0
    }

    /// Returns a text that lists the flaky tests, and the failed tests with their reasons and the commands that run them again.
    /// The text is empty if there are none.
    pub fn failures(&self) -> String {
        let mut lines: Vec<String> = (self.flaky.iter())
            .map(|test| format!("FLAKY {test}: passed at the second attempt"))
            .collect();
        if self.is_success() {
            lines.extend((!lines.is_empty()).then(String::new));
            return lines.join("\n");
        }
        for failure in &self.failures {
            lines.push(format!("FAILED {}", failure.test));
            lines.extend(failure.reason.iter().map(|line| format!("    {line}")));
            lines.push(format!("    again: {}", failure.repeat));
        }
        if let Some(log) = &self.log {
            lines.push(format!("The whole output is in {}", log.display()));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// One line with the tally. Tools that count tests can read its form.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.suite, self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_shown_with_its_reason_and_the_command_that_repeats_it() {
        let mut outcome = Outcome {
            suite: "rust",
            tally: Tally {
                passed: 3,
                failed: 1,
                skipped: 0,
            },
            failures: vec![Failure {
                test: "users::api search::finds".to_owned(),
                reason: vec!["panicked at search.rs:3".to_owned()],
                repeat: "cargo xtask test users search::finds".to_owned(),
            }],
            flaky: vec!["users::api list::pages".to_owned()],
            measured: Vec::new(),
            success: false,
            duration: Duration::from_secs(1),
            log: Some("rust.log".into()),
        };

        assert_eq!(outcome.to_string(), "rust: 3 passed, 1 failed, 0 skipped");
        assert_eq!(
            outcome.failures(),
            "FLAKY users::api list::pages: passed at the second attempt\n\
             FAILED users::api search::finds\n    panicked at search.rs:3\n    \
             again: cargo xtask test users search::finds\nThe whole output is in rust.log\n"
        );

        outcome.success = true;
        outcome.tally.failed = 0;
        assert_eq!(
            outcome.failures(),
            "FLAKY users::api list::pages: passed at the second attempt\n"
        );

        outcome.flaky.clear();
        assert_eq!(outcome.failures(), "");
    }

    #[test]
    fn a_suite_that_stops_has_failed_for_its_error() {
        let error = anyhow::anyhow!("no port is free").context("the server does not start");

        let outcome = Outcome::stopped("contract", &error);

        assert!(!outcome.is_success());
        assert_eq!(
            outcome.to_string(),
            "contract: 0 passed, 1 failed, 0 skipped"
        );
        assert_eq!(
            outcome.failures(),
            "FAILED contract, which did not run to its end\n    the server does not start: no port is free\n    \
             again: cargo xtask test contract\n"
        );
    }
}
