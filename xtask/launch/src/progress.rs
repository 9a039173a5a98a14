//! Reads cargo's standard error: its progress, errors and warnings.

use std::{fmt, process::Command};

/// The present step of cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Waits for another cargo that uses the target folder.
    Blocked,
    /// Reads the index of the registry.
    Resolving,
    /// Downloads crates. The text is the rest in crates and bytes.
    Downloading(String),
    /// Compiles crates.
    Building { done: usize, total: usize },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => f.write_str("waiting until another cargo is done"),
            Self::Resolving => f.write_str("reading the index of crates"),
            Self::Downloading(rest) => write!(f, "downloading {rest}"),
            Self::Building { done, total } => write!(f, "{done}/{total} crates"),
        }
    }
}

/// Makes cargo report its progress on standard error, whether or not that is a terminal.
pub fn configure(command: &mut Command) {
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "100")
        .env("CARGO_TERM_QUIET", "false")
        .env("CARGO_TERM_VERBOSE", "false");
}

/// Splits cargo's standard error into progress and text.
#[derive(Debug, Default)]
pub struct Reader {
    unfinished: Vec<u8>,
    text: String,
}

impl Reader {
    /// Reads the next bytes and returns the latest progress in them.
    pub fn read(&mut self, bytes: &[u8]) -> Option<Progress> {
        let mut latest = None;
        for byte in bytes {
            // Cargo ends its progress with a carriage return and everything else with a line feed.
            if matches!(byte, b'\n' | b'\r') {
                let line = std::mem::take(&mut self.unfinished);
                latest = self.line(&String::from_utf8_lossy(&line)).or(latest);
            } else {
                self.unfinished.push(*byte);
            }
        }
        latest
    }

    /// The lines that are neither progress nor a report of a step: errors and warnings.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: &str) -> Option<Progress> {
        let plain = without_escapes(line);
        match step(&plain) {
            Some(("Building", rest)) => building(rest),
            Some(("Blocking", _)) => Some(Progress::Blocked),
            Some(("Updating" | "Locking", _)) => Some(Progress::Resolving),
            Some(("Downloading", rest)) if rest.contains("remaining") => {
                Some(Progress::Downloading(downloading(rest)))
            }
            Some(_) => None,
            None => {
                if !plain.trim().is_empty() || !self.text.is_empty() {
                    self.text += line;
                    self.text.push('\n');
                }
                None
            }
        }
    }
}

/// First words of cargo's lines about a step. They are aligned to the right of twelve characters.
const STEPS: [&str; 15] = [
    "Adding",
    "Blocking",
    "Building",
    "Checking",
    "Compiling",
    "Dirty",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Locking",
    "Removed",
    "Running",
    "Unpacking",
    "Updating",
];

fn step(line: &str) -> Option<(&str, &str)> {
    let column = line.get(..12)?;
    let word = column.trim_start();
    let rest = line.get(12..)?.strip_prefix(' ')?;
    STEPS.contains(&word).then_some((word, rest))
}

/// Parses `[====>    ] 214/402: serde, tokio`.
fn building(rest: &str) -> Option<Progress> {
    let counts = rest.split_once("] ")?.1;
    let counts = counts.split_once(':').map_or(counts, |(counts, _)| counts);
    let (done, total) = counts.trim().split_once('/')?;
    Some(Progress::Building {
        done: done.parse().ok()?,
        total: total.parse().ok()?,
    })
}

/// Converts `12 crates, remaining bytes: 3.2MiB` to `12 crates, 3.2MiB left`.
fn downloading(rest: &str) -> String {
    match rest.trim().split_once(", remaining bytes: ") {
        Some((crates, bytes)) => format!("{crates}, {bytes} left"),
        None => rest.trim().to_owned(),
    }
}

/// Returns the text without escape sequences for terminals.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
        } else if characters.next() == Some('[') {
            characters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Progress>, String) {
        let mut reader = Reader::default();
        let progress = reader.read(text.as_bytes());
        (progress, reader.text)
    }

    #[test]
    fn the_latest_count_of_crates_is_the_progress() {
        let (progress, text) = read(
            "   Compiling serde v1.0.229\n    Building [=>     ] 12/402: serde, tokio\r\
             \u{1b}[1m\u{1b}[36m    Building\u{1b}[0m [==>    ] 214/402: sqlx-core\r",
        );

        let progress = progress.unwrap();
        assert_eq!(
            progress,
            Progress::Building {
                done: 214,
                total: 402
            }
        );
        assert_eq!(progress.to_string(), "214/402 crates");
        assert_eq!(text, "");
    }

    #[test]
    fn downloads_and_the_wait_for_another_cargo_are_named() {
        let (progress, _) = read(" Downloading 12 crates, remaining bytes: 3.2MiB\r");
        assert_eq!(
            progress.unwrap().to_string(),
            "downloading 12 crates, 3.2MiB left"
        );

        let (progress, text) =
            read("    Blocking waiting for file lock on build directory\n  Downloaded x v1.0.0\n");
        assert_eq!(progress, Some(Progress::Blocked));
        assert_eq!(text, "");
    }

    #[test]
    fn a_line_in_two_pieces_is_one_line() {
        let mut reader = Reader::default();

        assert_eq!(reader.read(b"    Building [=>     ] 1"), None);
        assert_eq!(
            reader.read(b"2/402: serde\r"),
            Some(Progress::Building {
                done: 12,
                total: 402
            })
        );
    }

    #[test]
    fn diagnostics_are_kept_as_they_are() {
        let error =
            "error[E0308]: mismatched types\n  --> xtask/src/main.rs:3:5\n   |\n3  |     1\n\n";

        let (_, text) = read(&format!("   Compiling xtask v1.0.0 (/xtask)\n{error}"));

        assert_eq!(text, error);
    }
}
