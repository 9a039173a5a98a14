//! The progress that a run reports.

use std::{fmt, time::Duration};

/// One event of a run. Its text is one line.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Another program migrates the database; this one waits for it.
    Waiting,
    /// A migration starts.
    Started { version: i64, description: String },
    /// A statement of it was executed.
    Executed {
        line: usize,
        summary: String,
        elapsed: Duration,
        /// Number of earlier attempts that gave up waiting for a lock.
        retries: u32,
    },
    /// Rows that the batches of a statement have reached so far.
    Batches { line: usize, rows: i64 },
    /// The migration is recorded.
    Applied { version: i64, elapsed: Duration },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting for another program that migrates this database"),
            Self::Started {
                version,
                description,
            } => write!(f, "{version} {description}"),
            Self::Executed {
                line,
                summary,
                elapsed,
                retries,
            } => {
                write!(f, "  line {line}: {summary}: {} ms", elapsed.as_millis())?;
                match retries {
                    0 => Ok(()),
                    1 => f.write_str(", at the second attempt"),
                    more => write!(f, ", after {more} attempts that found no lock"),
                }
            }
            Self::Batches { line, rows } => write!(f, "  line {line}: {rows} rows so far"),
            Self::Applied { version, elapsed } => {
                write!(f, "applied {version} in {} ms", elapsed.as_millis())
            }
        }
    }
}
