//! The table, the plot and the comparison with the budgets.

use std::{fmt, time::Duration};

use super::{Round, rows::ROWS};

/// Maximum ratio of a figure to that of the next smaller size, or to the baseline.
pub const GROWTH: f64 = 2.0;
/// Smaller databases are not compared with larger ones: they have fewer rows than the statements read at most.
const COMPARED: i32 = 100_000;
/// Figures below this are not compared, in milliseconds: they are mostly noise.
pub const NOISE: f64 = 3.0;
/// Maximum time of each combination, in milliseconds.
const WORST: f64 = 150.0;
/// Number of combinations that are printed.
const SHOWN: usize = 10;

/// The figures of all sizes. Its text is the table in Markdown, the plot and the slowest combinations.
pub struct ReadsReport {
    rounds: Vec<Round>,
}

/// Returns the milliseconds of a time.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn shown(time: Option<Duration>) -> String {
    time.map_or("–".to_owned(), |time| {
        format!("{:.1}", milliseconds(time))
    })
}

impl Round {
    /// Returns the names of the measured pages of a row, and their medians.
    fn pages(&self, row: usize) -> [(&'static str, Option<Duration>); 2] {
        let (first, far) = self.medians[row];
        [("first page", Some(first)), ("far page", far)]
    }
}

impl ReadsReport {
    pub fn new(rounds: Vec<Round>) -> Self {
        Self { rounds }
    }

    /// Returns the figures over their budget.
    pub fn over(&self) -> Vec<String> {
        let mut over = Vec::new();
        for (index, row) in ROWS.iter().enumerate() {
            let name = row.name();
            for (place, round) in self.rounds.iter().enumerate() {
                let smaller = place
                    .checked_sub(1)
                    .map(|place| &self.rounds[place])
                    .filter(|smaller| smaller.projects >= COMPARED && row.caller.is_comparable());
                for (number, (page, time)) in round.pages(index).into_iter().enumerate() {
                    let Some(time) = time.map(milliseconds) else {
                        continue;
                    };
                    #[expect(clippy::cast_precision_loss, reason = "two digits")]
                    if time > row.budget as f64 {
                        over.push(format!("{name}, {page}: {time:.1} ms"));
                    }
                    let smaller = smaller.and_then(|round| round.pages(index)[number].1);
                    if let Some(smaller) = smaller.map(milliseconds)
                        && time > GROWTH * smaller.max(NOISE)
                    {
                        over.push(format!(
                            "{name}, {page}: {:.1} times as much",
                            time / smaller
                        ));
                    }
                }
            }
        }
        for round in &self.rounds {
            for (time, path) in &round.combinations {
                let time = milliseconds(*time);
                if time > WORST {
                    over.push(format!("{path}: {time:.0} ms"));
                }
            }
        }
        over
    }
}

impl fmt::Display for ReadsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| First page · far page, ms, of projects |")?;
        for round in &self.rounds {
            write!(f, " {} |", round.projects)?;
        }
        writeln!(f, "\n|---|{}", "---|".repeat(self.rounds.len()))?;
        for (index, row) in ROWS.iter().enumerate() {
            write!(f, "| `{}`{} |", row.path, row.caller.name())?;
            for round in &self.rounds {
                let (first, far) = round.medians[index];
                write!(f, " {} · {} |", shown(Some(first)), shown(far))?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "\nFirst pages. Each `#` doubles the time, from 0.5 ms.\n"
        )?;
        for (index, row) in ROWS.iter().enumerate() {
            writeln!(f, "{}", row.name())?;
            for round in &self.rounds {
                let time = round.medians[index].0;
                let bar = bar(milliseconds(time));
                writeln!(f, "{:>9} {bar} {}", round.projects, shown(Some(time)))?;
            }
        }
        for round in &self.rounds {
            writeln!(
                f,
                "\nThe slowest of {} combinations, {} projects:\n",
                round.combinations.len(),
                round.projects
            )?;
            for (time, path) in round.combinations.iter().take(SHOWN) {
                writeln!(f, "{:>8} ms  {path}", shown(Some(*time)))?;
            }
        }
        Ok(())
    }
}

fn bar(milliseconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number that is not negative"
    )]
    let length = (milliseconds / 0.5).log2().max(0.0).round() as usize;
    "#".repeat(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(projects: i32, milliseconds: u64) -> Round {
        let time = Duration::from_millis(milliseconds);
        Round {
            projects,
            medians: vec![(time, None); ROWS.len()],
            combinations: vec![(time, "/projects".to_owned())],
        }
    }

    #[test]
    fn a_row_that_more_than_doubles_is_over_budget() {
        assert!(
            ReadsReport::new(vec![
                round(10_000, 3),
                round(100_000, 7),
                round(1_000_000, 14)
            ])
            .over()
            .is_empty()
        );

        let over = ReadsReport::new(vec![round(100_000, 4), round(1_000_000, 9)]).over();

        let compared = ROWS.iter().filter(|row| row.caller.is_comparable());
        assert_eq!(over.len(), compared.count());
        assert_eq!(over[0], "/projects, first page: 2.2 times as much");
    }

    #[test]
    fn a_slow_row_and_a_slow_combination_are_over_budget() {
        let over = ReadsReport::new(vec![round(10, 151)]).over();

        assert_eq!(over[0], "/projects, first page: 151.0 ms");
        assert_eq!(over.last().map(String::as_str), Some("/projects: 151 ms"));
    }
}
