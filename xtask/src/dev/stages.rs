//! The steps of the start, as the terminal shows them.

use launch::StatusLine;

/// The numbered steps of the start.
#[derive(Debug, Default)]
pub struct Stages(usize);

impl Stages {
    const COUNT: usize = 4;

    /// Shows the next step. `note` is an estimate of its duration, or empty.
    pub fn next(&mut self, stage: &str, note: &str) -> StatusLine {
        self.0 += 1;
        StatusLine::start(&format!("[{}/{}] {stage}", self.0, Self::COUNT), note)
    }
}
