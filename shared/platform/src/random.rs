//! Random texts as Better Auth 1.7 generates them: uniform choices from an alphabet by a secure generator.

use rand::RngExt;

/// `a-z A-Z 0-9`: row ids and session tokens.
pub const ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// `a-z 0-9 A-Z - _`: OAuth state and PKCE verifier.
pub const URL_SAFE: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
/// `a-z A-Z`: API keys.
pub const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Returns `length` characters of `alphabet`, each chosen uniformly. The generator rejects values instead of reducing them,
/// so there is no modulo bias.
pub fn text(length: usize, alphabet: &[u8]) -> String {
    let mut rng = rand::rng();
    (0..length)
        .map(|_| char::from(alphabet[rng.random_range(..alphabet.len())]))
        .collect()
}

/// Returns a number below `end`, which is at least 1.
pub fn below(end: u32) -> u32 {
    rand::rng().random_range(..end.max(1))
}

/// Returns a row id or session token: 32 letters and digits.
pub fn id() -> String {
    text(32, ALPHANUMERIC)
}
