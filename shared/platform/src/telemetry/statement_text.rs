//! The text of a statement as telemetry reports it. It contains no values, because they are bound.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Returns a statement's text on one line.
pub(super) fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the first eight bytes of the text's SHA-256, in hexadecimal. It is the same in every release.
pub(super) fn fingerprint(statement: &str) -> String {
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
