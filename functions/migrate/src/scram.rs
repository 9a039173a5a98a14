//! A password as PostgreSQL stores it, so that the server never receives the password itself.
//!
//! <https://www.postgresql.org/docs/17/catalog-pg-authid.html>, RFC 5802, RFC 7677

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use platform::random;
use sha2::{Digest, Sha256};

/// PostgreSQL's default.
const ITERATIONS: u32 = 4096;

/// Returns `SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY` for a password of ASCII characters, with a random salt.
pub fn hash(password: &str) -> String {
    hash_with(password, random::text(16, random::ALPHANUMERIC).as_bytes())
}

fn hash_with(password: &str, salt: &[u8]) -> String {
    let salted = salted(password, salt);
    let stored = Sha256::digest(mac(&salted, b"Client Key"));
    let server = mac(&salted, b"Server Key");
    format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored),
        STANDARD.encode(server)
    )
}

/// PBKDF2 with one block.
fn salted(password: &str, salt: &[u8]) -> [u8; 32] {
    let mut last = mac(password.as_bytes(), &[salt, &1_u32.to_be_bytes()].concat());
    let mut result = last;
    for _ in 1..ITERATIONS {
        last = mac(password.as_bytes(), &last);
        for (byte, other) in result.iter_mut().zip(last) {
            *byte ^= other;
        }
    }
    result
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677: `user` with the password `pencil`.
    #[test]
    fn the_keys_are_those_of_the_specification() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();

        let salted = salted("pencil", &salt);

        let client_first = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let client_last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let message = format!("{client_first},{server_first},{client_last}");
        let signature = mac(&mac(&salted, b"Server Key"), message.as_bytes());
        assert_eq!(
            STANDARD.encode(signature),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }
}
