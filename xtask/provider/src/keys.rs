//! RSA keys and the id tokens that they sign.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The key of the JWKS. It is generated once per process, because the generation takes a while.
pub static OWN: LazyLock<Key> = LazyLock::new(|| Key::generate("own"));

/// A key that is not in the JWKS. It has the id of the key in the JWKS.
pub static STRANGER: LazyLock<Key> = LazyLock::new(|| Key::generate("own"));

/// An RSA key for signatures.
pub struct Key {
    id: &'static str,
    pair: KeyPair,
}

impl Key {
    fn generate(id: &'static str) -> Self {
        Self {
            id,
            pair: KeyPair::generate(KeySize::Rsa2048).expect("RSA key generation works"),
        }
    }

    /// Returns the public key as a JSON Web Key (RFC 7517).
    pub fn public(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": base64url(public.modulus().big_endian_without_leading_zero()),
            "e": base64url(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Returns a JSON Web Token with these claims, signed with RS256.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.id });
        let message = message(&header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .expect("a buffer of the key's length holds the signature");
        format!("{message}.{}", base64url(&signature))
    }
}

/// Returns a JSON Web Token with `alg` none and no signature.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", message(&json!({ "alg": "none" }), claims))
}

fn message(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.to_string().as_bytes())
    )
}

fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
