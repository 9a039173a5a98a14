//! Prints the figures as a table or as JSON.

use std::{fmt, fmt::Write as _, fs, time::Duration};

use serde::Serialize;

use super::{
    budget::{self, Time},
    measure::{Subject, Timing},
    request::{HELLO_PG, HELLO_PG_AGAIN, Request},
};
use crate::sam::megabytes;

/// All figures of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchReport {
    machine: String,
    /// Noise of the machine: ratio of the warm p50 of `hello-pg` in two measurements.
    noise: f64,
    programs: Vec<ProgramFigures>,
    requests: Vec<RequestFigures>,
}

/// A figure with its ratio to the floor and the budgets for both.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figure {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    most_ratio: Option<f64>,
}

impl Figure {
    fn new(value: f64) -> Self {
        Self {
            value,
            ratio: None,
            most: None,
            most_ratio: None,
        }
    }

    fn against(self, floor: Option<f64>) -> Self {
        Self {
            ratio: floor.map(|floor| self.value / floor),
            ..self
        }
    }

    fn at_most(self, most: Option<f64>) -> Self {
        Self { most, ..self }
    }

    fn at_most_floors(self, most_ratio: Option<f64>) -> Self {
        Self { most_ratio, ..self }
    }

    fn is_over(&self) -> bool {
        let beyond = |value: f64, most: Option<f64>| most.is_some_and(|most| value > most);
        beyond(self.value, self.most)
            || self
                .ratio
                .is_some_and(|ratio| beyond(ratio, self.most_ratio))
    }
}

/// Writes value, ratio and budgets. A figure over its budget ends with `!`.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{:.2}", self.value);
        if let Some(ratio) = self.ratio {
            write!(text, " ×{ratio:.2}")?;
        }
        if let Some(most) = self.most {
            write!(text, " ≤{most}")?;
        }
        if let Some(most) = self.most_ratio {
            write!(text, " ≤×{most}")?;
        }
        if self.is_over() {
            text.push_str(" !");
        }
        f.pad(&text)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProgramFigures {
    name: &'static str,
    start_ms: Figure,
    first_answer_ms: Figure,
    memory_mb: Figure,
    binary_mb: Figure,
    zip_mb: Figure,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestFigures {
    program: &'static str,
    request: String,
    p50_ms: Figure,
    p99_ms: Figure,
    processor_ms: Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    statements: Option<Figure>,
}

impl BenchReport {
    pub fn new(subjects: &[Subject]) -> Self {
        let find = |name: &str| subjects.iter().find(|subject| subject.program.name == name);
        let pair = (find(HELLO_PG), find(HELLO_PG_AGAIN));
        let noise = match pair {
            (Some(once), Some(again)) => p50(&again.timings[0]) / p50(&once.timings[0]),
            _ => f64::NAN,
        };
        let mut report = Self {
            machine: machine(),
            noise,
            programs: Vec::new(),
            requests: Vec::new(),
        };
        for subject in subjects {
            let floor = subject.program.floor.and_then(find);
            report.programs.push(program(subject, floor));
            for (request, timing) in subject.program.requests.iter().zip(&subject.timings) {
                let floor = floor.map(|floor| &floor.timings[0]);
                report.requests.push(RequestFigures {
                    program: subject.program.name,
                    ..figures(request, timing, floor)
                });
            }
        }
        report
    }

    /// Returns a line for each figure that is over its budget.
    pub fn over(&self) -> Vec<String> {
        let programs = self.programs.iter().flat_map(|program| {
            [
                ("start", &program.start_ms),
                ("first answer", &program.first_answer_ms),
                ("memory", &program.memory_mb),
                ("binary", &program.binary_mb),
                ("zip", &program.zip_mb),
            ]
            .map(|(name, figure)| (format!("{name} of {}", program.name), figure))
        });
        let requests = self.requests.iter().flat_map(|request| {
            let statements = request
                .statements
                .iter()
                .map(|figure| ("statements", figure));
            [
                ("p50", &request.p50_ms),
                ("processor time", &request.processor_ms),
            ]
            .into_iter()
            .chain(statements)
            .map(|(name, figure)| {
                (
                    format!("{name} of {} ({})", request.request, request.program),
                    figure,
                )
            })
        });
        programs
            .chain(requests)
            .filter(|(_, figure)| figure.is_over())
            .map(|(name, figure)| format!("{name}: {figure}"))
            .collect()
    }
}

fn program(subject: &Subject, floor: Option<&Subject>) -> ProgramFigures {
    let program = &subject.program;
    let is_function = !program.is_floor();
    let when_function = |most: u64| is_function.then(|| megabytes(most));
    let size = budget::size_budget(program.binary);
    ProgramFigures {
        name: program.name,
        start_ms: Figure::new(median(&subject.starts))
            .against(floor.map(|floor| median(&floor.starts)))
            .at_most_floors(program.start),
        first_answer_ms: Figure::new(median(&subject.firsts))
            .against(floor.map(|floor| median(&floor.firsts)))
            .at_most_floors(program.first),
        // The allocator keeps some of the memory that images have needed.
        memory_mb: Figure::new(megabytes(subject.memory))
            .at_most(when_function(budget::MEMORY).filter(|_| !program.stored)),
        binary_mb: Figure::new(megabytes(subject.binary)).at_most(when_function(size.binary)),
        zip_mb: Figure::new(megabytes(subject.zip)).at_most(when_function(size.zip)),
    }
}

fn figures(request: &Request, timing: &Timing, floor: Option<&Timing>) -> RequestFigures {
    let (most, most_ratio) = match request.budget {
        Some(Time::Milliseconds(most)) => (Some(most), None),
        Some(Time::Floors(most)) => (None, Some(most)),
        None => (None, None),
    };
    // A request that is allowed many times the floor's time may also use more processor time.
    let most_processor = floor.filter(|_| request.cheap).map(|_| request.processor);
    RequestFigures {
        program: "",
        request: request.name.clone(),
        p50_ms: Figure::new(p50(timing))
            .against(floor.map(p50))
            .at_most(most)
            .at_most_floors(most_ratio),
        p99_ms: Figure::new(percentile(&timing.durations, 0.99))
            .against(floor.map(|floor| percentile(&floor.durations, 0.99))),
        processor_ms: Figure::new(processor(timing))
            .against(floor.map(processor))
            .at_most_floors(most_processor),
        statements: timing.statements.map(|statements| {
            Figure::new(count(statements)).at_most(request.statements.map(count))
        }),
    }
}

fn p50(timing: &Timing) -> f64 {
    median(&timing.durations)
}

/// Processor time of one request, in milliseconds.
fn processor(timing: &Timing) -> f64 {
    milliseconds(timing.processor) / count(timing.durations.len() as u64)
}

fn median(durations: &[Duration]) -> f64 {
    percentile(durations, 0.5)
}

/// The percentile by nearest rank, in milliseconds. `part` is from 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "there are few"
)]
fn percentile(durations: &[Duration], part: f64) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .map_or(f64::NAN, milliseconds)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Describes the processors and the kernel.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let models: Vec<&str> = processors
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .collect();
    let model = models.first().unwrap_or(&"unknown processors");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{} × {model}, Linux {}", models.len(), kernel.trim())
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        writeln!(
            f,
            "× is the ratio to the floor, ≤ the budget, ! a figure over it; the same program measured twice: ×{:.2}\n",
            self.noise
        )?;
        writeln!(
            f,
            "{:<18} {:<24} {:<24} {:<14} {:<12} zip, MB",
            "", "start, ms", "first answer, ms", "memory, MB", "binary, MB"
        )?;
        for row in &self.programs {
            writeln!(
                f,
                "{:<18} {:<24} {:<24} {:<14} {:<12} {}",
                row.name,
                row.start_ms,
                row.first_answer_ms,
                row.memory_mb,
                row.binary_mb,
                row.zip_mb
            )?;
        }
        writeln!(
            f,
            "\n{:<58} {:<22} {:<16} {:<22} statements",
            "warm", "p50, ms", "p99, ms", "processor, ms"
        )?;
        for row in &self.requests {
            let name = format!("{}: {}", row.program, row.request);
            let statements = row.statements.map(|figure| figure.to_string());
            writeln!(
                f,
                "{name:<58} {:<22} {:<16} {:<22} {}",
                row.p50_ms,
                row.p99_ms,
                row.processor_ms,
                statements.unwrap_or_default()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let durations: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();

        let [p50, p99, p100] = [0.5, 0.99, 1.0].map(|part| percentile(&durations, part).round());

        assert_eq!((p50, p99, p100), (50.0, 99.0, 100.0));
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_figure_over_either_budget_is_marked() {
        let figure = Figure::new(3.0).against(Some(2.0));

        assert!(!figure.at_most_floors(Some(1.5)).is_over());
        assert!(figure.at_most_floors(Some(1.4)).is_over());
        assert!(figure.at_most(Some(2.9)).is_over());
        assert_eq!(figure.at_most(Some(2.9)).to_string(), "3.00 ×1.50 ≤2.9 !");
    }
}
