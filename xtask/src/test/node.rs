//! Reads what Node's test runner prints.

use std::path::PathBuf;

use anyhow::Context as _;
use testkit::programs;

use super::outcome::{Failure, Tally};

/// Maximum number of lines that are shown of each failure.
const REASON: usize = 3;

/// npm, whose machine has Node too.
pub fn package_manager() -> anyhow::Result<PathBuf> {
    let missing =
        "is not on this machine, and the official clients need it; install Node.js 20.19 or newer";
    programs::find("node").with_context(|| format!("node {missing}"))?;
    programs::find("npm").with_context(|| format!("npm {missing}"))
}

/// The sums and the failures of a run with the reporter `spec`.
pub fn read(lines: &[String], repeat: &str) -> (Tally, Vec<Failure>) {
    let mut tally = Tally::default();
    let mut failures: Vec<Failure> = Vec::new();
    let mut is_listing = false;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["ℹ", "pass", count] => tally.passed += number(count),
            ["ℹ", "fail" | "cancelled", count] => tally.failed += number(count),
            ["ℹ", "skipped" | "todo", count] => tally.skipped += number(count),
            ["✖", "failing", "tests:"] => is_listing = true,
            ["✖", name @ ..] if is_listing => failures.push(Failure {
                test: name.join(" "),
                reason: Vec::new(),
                repeat: repeat.to_owned(),
            }),
            [_, ..] => {
                if let Some(failure) = failures.last_mut()
                    && failure.reason.len() < REASON
                {
                    failure.reason.push(line.trim().to_owned());
                }
            }
            [] => {}
        }
    }
    (tally, failures)
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_failures_are_read() {
        let lines: Vec<String> = "✔ signs in (12.3ms)\n✖ signs out (1.2ms)\nℹ tests 24\nℹ pass 22\nℹ fail 1\n\
             ℹ cancelled 1\nℹ skipped 1\n\n✖ failing tests:\n\ntest at client.test.js:12:1\n✖ signs out (1.2ms)\n  \
             AssertionError: not equal\n\n  1 !== 2\n\n      at x\n      at y\n"
            .lines()
            .map(ToOwned::to_owned)
            .collect();

        let (tally, failures) = read(&lines, "cargo xtask test clients");

        let expected = Tally {
            passed: 22,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(tally, expected);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].test, "signs out (1.2ms)");
        assert_eq!(
            failures[0].reason,
            ["AssertionError: not equal", "1 !== 2", "at x"]
        );
    }
}
