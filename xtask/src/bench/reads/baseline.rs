//! The baseline: the cost of each read as a multiple of the cost of simple lists, which does not depend on the speed of the
//! machine.

use std::{collections::BTreeMap, fs, path::PathBuf};

use testkit::workspace;

use super::{
    Round,
    report::{GROWTH, NOISE, milliseconds},
    rows::{ROWS, Row},
};

/// Multiples by the name of the row.
pub type Baseline = BTreeMap<String, f64>;

fn path() -> PathBuf {
    workspace().join("xtask/src/bench/reads/baseline.json")
}

/// Reads the baseline from its file.
pub fn load() -> anyhow::Result<Baseline> {
    Ok(serde_json::from_slice(&fs::read(path())?)?)
}

/// Writes the baseline of a round to its file.
pub fn write(round: &Round) -> anyhow::Result<()> {
    let baseline: Baseline = multiples(round)
        .map(|(row, _, multiple)| (row.name(), (multiple * 100.0).round() / 100.0))
        .collect();
    fs::write(path(), serde_json::to_string_pretty(&baseline)? + "\n")?;
    Ok(())
}

/// Returns the rows that take more than twice as much as in the baseline, and those that it lacks.
pub fn compare(round: &Round, baseline: &Baseline) -> Vec<String> {
    multiples(round)
        .filter_map(|(row, time, multiple)| {
            let name = row.name();
            let Some(kept) = baseline.get(&name) else {
                return Some(format!("{name} is not in the baseline; --keep writes it"));
            };
            (time > NOISE && multiple > GROWTH * kept)
                .then(|| format!("{name}: {multiple:.1} times a simple list instead of {kept:.1}"))
        })
        .collect()
}

/// The number of rows at the beginning that are simple lists. The median of their times is the unit.
const SIMPLE: usize = 5;

/// Returns each row with the median of its first page in milliseconds, and as a multiple of the time of a simple list.
fn multiples(round: &Round) -> impl Iterator<Item = (&'static Row, f64, f64)> {
    let times = round.medians.iter().map(|(first, _)| milliseconds(*first));
    let mut simple: Vec<f64> = times.clone().take(SIMPLE).collect();
    simple.sort_by(f64::total_cmp);
    let base = simple[simple.len() / 2].max(0.1);
    ROWS.iter()
        .zip(times)
        .map(move |(row, time)| (row, time, time / base))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_row_that_doubles_is_reported() {
        let mut round = Round {
            projects: 10,
            medians: vec![(Duration::from_millis(12), None); ROWS.len()],
            combinations: Vec::new(),
        };
        let mut baseline: Baseline = multiples(&round)
            .map(|(row, _, multiple)| (row.name(), multiple))
            .collect();
        assert!(compare(&round, &baseline).is_empty());

        round.medians[1].0 = Duration::from_millis(25);
        baseline.remove(&ROWS[2].name());

        assert_eq!(
            compare(&round, &baseline),
            [
                "/projects?sort=likes: 2.1 times a simple list instead of 1.0",
                "/projects?sort=views is not in the baseline; --keep writes it",
            ]
        );
    }
}
