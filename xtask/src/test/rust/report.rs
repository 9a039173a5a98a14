//! Reads what nextest and libtest print.

use super::super::outcome::{Failure, Outcome, Tally};

/// Maximum number of lines that are shown of a failed test's output, from the panic on.
const REASON: usize = 4;
/// Start of a line with figures that a test prints. They are shown although the test has passed.
const MEASURED: &str = "measured: ";

/// The result according to the lines so far.
#[derive(Debug, Default)]
pub struct TestReport {
    total: Option<u32>,
    /// Counted from the lines of single tests, for the progress.
    running: Tally,
    /// From the lines that sum up.
    summed: Option<Tally>,
    failures: Vec<Failure>,
    /// Tests that passed when they were repeated.
    flaky: Vec<String>,
    /// Figures that tests printed.
    measured: Vec<String>,
    /// Whether single failures are listed, which both programs do at the end.
    is_listing: bool,
    is_reason: bool,
}

impl TestReport {
    /// Takes the next line.
    pub fn read(&mut self, line: &str) {
        if let Some(figures) = line.trim().strip_prefix(MEASURED) {
            self.measured.push(figures.to_owned());
            return;
        }
        // Nothing stands between the bracket and a time of a thousand seconds or more.
        let line_of_words = line.replace('[', " [ ");
        let words: Vec<&str> = line_of_words
            .split([' ', ';', ',', '('])
            .filter(|word| !word.is_empty())
            .collect();
        // A test that is repeated has a line for each attempt, such as `TRY 2 PASS`.
        let (attempt, words) = match words.as_slice() {
            ["TRY", attempt, rest @ ..] => (attempt.parse::<u32>().ok(), rest),
            words => (None, words),
        };
        match words {
            ["Starting", total, "tests" | "test", ..] => self.total = total.parse().ok(),
            ["PASS" | "LEAK", "[", _, test @ ..] => {
                self.running.passed += 1;
                if attempt.is_some() {
                    self.flaky.push(test.join(" "));
                }
            }
            [status, "[", _, test @ ..] if is_failed(status) => {
                if self.is_listing {
                    self.begin_failure(test);
                } else if attempt != Some(1) {
                    self.running.failed += 1;
                }
            }
            [
                "Summary",
                "[",
                _,
                run,
                "tests" | "test",
                "run:",
                counts @ ..,
            ] => {
                self.is_listing = true;
                self.summed = Some(nextest_tally(run, counts));
            }
            [
                "test",
                "result:",
                _,
                passed,
                "passed",
                failed,
                "failed",
                skipped,
                "ignored",
                ..,
            ] => {
                self.is_reason = false;
                let tally = Tally {
                    passed: number(passed),
                    failed: number(failed),
                    skipped: number(skipped),
                };
                // Inside of nextest's output each test has a result of its own.
                if !self.is_listing {
                    self.summed.get_or_insert_default().add(tally);
                }
            }
            ["----", name, "stdout", "----"] => self.begin_failure(&[name]),
            _ => self.reason(line),
        }
    }

    /// Returns the text of the line of progress, or `None` before the first test.
    pub fn progress(&self) -> Option<String> {
        let Tally { passed, failed, .. } = self.running;
        let total = self.total?;
        let done = passed + failed;
        Some(match failed {
            0 => format!("{done} of {total}"),
            _ => format!("{done} of {total}, {failed} failed"),
        })
    }

    /// The sums; of a run that printed none, the tests that were seen.
    pub fn tally(&self) -> Tally {
        self.summed.unwrap_or(self.running)
    }

    /// Moves the failed tests, the names of those that passed when they were repeated, and the figures to the outcome.
    pub fn fill(self, outcome: &mut Outcome) {
        outcome.failures = self.failures;
        outcome.flaky = self.flaky;
        outcome.measured = self.measured;
    }

    /// Begins a failed test from the words of its name: with nextest `users::api search::finds`.
    fn begin_failure(&mut self, words: &[&str]) {
        // The counter of nextest's progress, such as `12/815)`.
        let words: Vec<&str> = words
            .iter()
            .copied()
            .filter(|word| !word.ends_with(')'))
            .collect();
        let (name, binary) = match words.as_slice() {
            [binary, .., name] => (*name, Some(*binary)),
            [name] => (*name, None),
            [] => return,
        };
        let repeat = match binary.and_then(|binary| binary.split("::").next()) {
            Some(package) => format!("cargo xtask test {package} {name}"),
            None => format!("cargo test {name}"),
        };
        self.failures.push(Failure {
            test: words.join(" "),
            reason: Vec::new(),
            repeat,
        });
        self.is_reason = false;
    }

    fn reason(&mut self, line: &str) {
        let Some(failure) = self.failures.last_mut() else {
            return;
        };
        let line = line.trim();
        let begins = failure.reason.is_empty()
            && (line.contains("panicked at") || line.starts_with("(test "));
        self.is_reason = (self.is_reason || begins)
            && !line.is_empty()
            && !line.starts_with("stack backtrace:")
            && !line.starts_with("error: test run failed")
            && failure.reason.len() < REASON;
        if self.is_reason {
            failure.reason.push(line.to_owned());
        }
    }
}

/// Statuses of nextest: <https://nexte.st/docs/reporting/>.
fn is_failed(status: &str) -> bool {
    matches!(
        status,
        "FAIL" | "TIMEOUT" | "TMT" | "ABORT" | "XFAIL" | "FAIL-LEAK" | "LEAK-FAIL"
    ) || status.starts_with("SIG")
}

/// From `815 tests run: 812 passed (2 slow), 3 failed, 1 skipped`.
fn nextest_tally(run: &str, counts: &[&str]) -> Tally {
    let of = |name: &str| {
        counts
            .windows(2)
            .find(|pair| pair[1].trim_end_matches(')') == name)
            .map_or(0, |pair| number(pair[0]))
    };
    let passed = of("passed");
    // Tests that ran out of time are counted apart.
    let failed = number(run.split('/').next().unwrap_or(run)).saturating_sub(passed);
    Tally {
        passed,
        failed,
        skipped: of("skipped"),
    }
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &str) -> TestReport {
        let mut report = TestReport::default();
        for line in lines.lines() {
            report.read(line);
        }
        report
    }

    #[test]
    fn nextest_is_read() {
        let report = report(
            "    Starting 4 tests across 1 binary (1 test skipped)\n\
             \x20       PASS [   0.007s] users::api search::finds\n\
             \x20       FAIL [   0.010s] users::api list::pages\n\
             \x20    TIMEOUT [   9.010s] users::api list::ends\n\
             \x20       PASS [   0.007s] users search::tests::folds\n  stderr ───\n    measured: fast restart: {200: 5}\n\n\
             ────────────\n\
             \x20    Summary [   0.131s] 4 tests run: 2 passed (1 slow), 1 failed, 1 timed out, 1 skipped\n\
             \x20       FAIL [   0.010s] (2/4) users::api list::pages\n  stdout ───\n\n    running 1 test\n\
             \x20   test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.11s\n\
             \n  stderr ───\n\n    thread 'list::pages' (30890) panicked at tests/api/list.rs:5:49:\n\
             \x20   assertion `left == right` failed\n      left: 1\n     right: 2\n    stack backtrace:\n       0: x\n\
             \x20    TIMEOUT [   9.010s] (3/4) users::api list::ends\n  stdout ───\n\n    (test timed out)\n\
             error: test run failed\n",
        );

        assert_eq!(report.progress().unwrap(), "4 of 4, 2 failed");
        let tally = Tally {
            passed: 2,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(report.tally(), tally);
        let failures = report.failures;
        assert_eq!(report.measured, ["fast restart: {200: 5}"]);
        assert_eq!(failures.len(), 2);
        assert_eq!(failures[0].test, "users::api list::pages");
        assert_eq!(failures[0].repeat, "cargo xtask test users list::pages");
        assert_eq!(
            failures[0].reason,
            [
                "thread 'list::pages' (30890) panicked at tests/api/list.rs:5:49:",
                "assertion `left == right` failed",
                "left: 1",
                "right: 2"
            ]
        );
        assert_eq!(failures[1].reason, ["(test timed out)"]);
    }

    #[test]
    fn a_repeated_test_counts_once() {
        let report = report(
            "    Starting 3 tests across 1 binary\n\
             \x20 TRY 1 FAIL [   0.210s] users::api list::pages\n\
             \x20  TRY 1 TMT [   0.219s] users::api list::ends\n\
             \x20 TRY 1 FAIL [   0.219s] users::api search::finds\n\
             \x20 TRY 2 PASS [   0.019s] users::api search::finds\n\
             \x20 TRY 2 FAIL [   0.114s] users::api list::pages\n\
             \x20  TRY 2 TMT [   2.011s] users::api list::ends\n\
             ────────────\n\
             \x20    Summary [   4.273s] 3 tests run: 1 passed (1 flaky), 1 failed, 1 timed out, 0 skipped\n\
             \x20 TRY 2 FAIL [   0.114s] (1/3) users::api list::pages\n  stderr ───\n\n\
             \x20   thread 'list::pages' (12053) panicked at tests/api/list.rs:3:19:\n    no page\n    stack backtrace:\n\
             \x20  TRY 2 TMT [   2.011s] (2/3) users::api list::ends\n  stdout ───\n\n    (test timed out)\n",
        );

        assert_eq!(report.progress().unwrap(), "3 of 3, 2 failed");
        assert_eq!((report.tally().passed, report.tally().failed), (1, 2));
        let failures = report.failures;
        assert_eq!(report.flaky, ["users::api search::finds"]);
        assert_eq!(failures.len(), 2);
        assert_eq!(failures[0].test, "users::api list::pages");
        assert_eq!(failures[0].reason[1], "no page");
        assert_eq!(failures[1].repeat, "cargo xtask test users list::ends");
        assert_eq!(failures[1].reason, ["(test timed out)"]);
    }

    #[test]
    fn a_run_that_was_cut_off_counts_what_was_seen() {
        let report = report(
            "    Starting 4 tests across 1 binary\n        PASS [   0.007s] users::api search::finds\n",
        );

        assert_eq!(report.progress().unwrap(), "1 of 4");
        assert_eq!(report.tally().passed, 1);
    }

    #[test]
    fn libtest_is_read() {
        let report = report(
            "running 3 tests\n\
             test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: ok. 10 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.86s\n\
             ---- list::pages stdout ----\n\nthread 'list::pages' panicked at src/list.rs:5:9:\nno page\n\n",
        );

        let tally = Tally {
            passed: 12,
            failed: 1,
            skipped: 4,
        };
        assert_eq!(report.tally(), tally);
        let failures = report.failures;
        assert_eq!(failures[0].repeat, "cargo test list::pages");
        assert_eq!(failures[0].reason[1], "no page");
    }
}
