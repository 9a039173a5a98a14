//! Statements that took too long, in the log.

use std::{fmt::Write, time::Duration};

use sha2::{Digest, Sha256};

use super::{current, spans::one_line};

/// Tells of a slow statement: its text, which has no values in it, the route it was made for, and a fingerprint to find it
/// by among others.
pub fn slow_statement(sql: &str, time: Duration) {
    let statement = one_line(sql);
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(
        route = current::route(),
        fingerprint = fingerprint(&statement),
        statement,
        ms,
        "slow statement"
    );
}

/// The same for the same text in every release: the first eight bytes of its SHA-256, in hexadecimal.
fn fingerprint(statement: &str) -> String {
    Sha256::digest(statement)[..8]
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_does_not_depend_on_the_layout() {
        // printf 'select 1' | sha256sum
        assert_eq!(fingerprint(&one_line("select\n  1")), "822ae07d4783158b");
    }
}
