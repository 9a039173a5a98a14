//! One line that is written again as the work goes on.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// How often a line is written where it cannot be overwritten, as in a log.
const LOG_INTERVAL: Duration = Duration::from_secs(15);
/// How often a line is overwritten on a terminal.
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
    /// Writes what begins, and how long it takes where that is known.
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

    /// Writes how far the work is, unless it has just done so.
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

    /// Writes that the work is done, with its result and the time that it took.
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

    /// Makes room for other output.
    pub fn clear(self) {
        if self.terminal {
            write(true, "");
        }
    }
}

fn write(terminal: bool, line: &str) {
    let mut output = io::stderr().lock();
    // There is nothing to do about a standard error that is closed.
    let _ = if terminal {
        // Clears the line, and keeps a long one from running into the next.
        write!(output, "\r\x1b[K\x1b[?7l{line}\x1b[?7h")
    } else {
        writeln!(output, "{line}")
    };
    let _ = output.flush();
}
