//! A status line that is updated while the work proceeds.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Interval between lines where a line cannot be overwritten, as in a log.
const LOG_INTERVAL: Duration = Duration::from_secs(15);
/// Interval between updates of the line on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);

/// A stage of the work on standard error: overwritten on a terminal, and written every 15 seconds elsewhere.
#[derive(Debug)]
pub struct StatusLine {
    stage: String,
    terminal: bool,
    started: Instant,
    written: Instant,
}

impl StatusLine {
    /// Writes the name of the stage. `note` is an estimate of its duration, or empty.
    pub fn start(stage: &str, note: &str) -> Self {
        let terminal = io::stderr().is_terminal();
        let separator = if note.is_empty() { "" } else { " " };
        write(terminal, &format!("{stage} …{separator}{note}"));
        Self {
            stage: stage.to_owned(),
            terminal,
            started: Instant::now(),
            written: Instant::now(),
        }
    }

    /// Writes the progress, unless the last line is more recent than the interval.
    pub fn update(&mut self, progress: &str) {
        let interval = if self.terminal {
            TERMINAL_INTERVAL
        } else {
            LOG_INTERVAL
        };
        if self.written.elapsed() < interval {
            return;
        }
        self.written = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        write(
            self.terminal,
            &format!("{}: {progress}, {seconds} s", self.stage),
        );
    }

    /// Writes the result of the work and the time that it took.
    pub fn finish(self, result: &str) {
        let separator = if result.is_empty() { "" } else { ", " };
        let seconds = self.started.elapsed().as_secs_f32();
        write(
            self.terminal,
            &format!("{}: {result}{separator}{seconds:.1} s", self.stage),
        );
        if self.terminal {
            eprintln!();
        }
    }

    /// Clears the line on a terminal, before other output.
    pub fn clear(self) {
        if self.terminal {
            write(true, "");
        }
    }
}

fn write(terminal: bool, line: &str) {
    let mut output = io::stderr().lock();
    // Ignores a closed standard error.
    let _ = if terminal {
        // Clears the line, and disables the wrapping of a long one.
        write!(output, "\r\x1b[K\x1b[?7l{line}\x1b[?7h")
    } else {
        writeln!(output, "{line}")
    };
    let _ = output.flush();
}
