//! Slow statements in the log.

use std::{fmt::Write, time::Duration};

use sha2::{Digest, Sha256};

use super::{current, spans::one_line};

/// Logs a slow statement with its route and a fingerprint to search for. The text contains no values, because they are
/// bound.
pub(super) fn log_slow_statement(sql: &str, time: Duration) {
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

/// Returns the first eight bytes of the text's SHA-256, in hexadecimal. It is the same in every release.
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
