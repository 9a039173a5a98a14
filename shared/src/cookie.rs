//! Cookies as Better Auth 1.7 writes and reads them: names, signatures, attributes.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;

/// What `encodeURIComponent` leaves alone beside letters and digits (ECMA-262, 19.2.6.4).
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Length of a base64 text of 32 bytes.
const SIGNATURE_LENGTH: usize = 44;

/// Names and attributes of this deployment's cookies, and the key that signs them.
#[derive(Clone)]
pub struct Cookies {
    secret: Vec<u8>,
    secure: bool,
}

impl Cookies {
    /// `secure` where the public address is https: then every name has the prefix `__Secure-` and only such names are
    /// read.
    pub fn new(secret: &str, secure: bool) -> Self {
        Self {
            secret: secret.as_bytes().to_vec(),
            secure,
        }
    }

    /// The full name of a cookie, e.g. `better-auth.session_token` for `session_token`.
    pub fn name(&self, name: &str) -> String {
        let prefix = if self.secure { "__Secure-" } else { "" };
        format!("{prefix}better-auth.{name}")
    }

    /// `VALUE.SIGNATURE`, percent-encoded.
    pub fn sign(&self, value: &str) -> String {
        let signature = STANDARD.encode(self.mac(value).finalize().into_bytes());
        utf8_percent_encode(&format!("{value}.{signature}"), COMPONENT).to_string()
    }

    /// The value of a signed cookie as it stands in the header; `None` where the signature does not fit.
    pub fn verify(&self, cookie: &str) -> Option<String> {
        let decoded = percent_decode_str(cookie)
            .decode_utf8()
            .map_or_else(|_| cookie.to_owned(), std::borrow::Cow::into_owned);
        let (value, signature) = decoded.rsplit_once('.')?;
        if value.is_empty() || signature.len() != SIGNATURE_LENGTH || !signature.ends_with('=') {
            return None;
        }
        let signature = STANDARD.decode(signature).ok()?;
        self.mac(value).verify_slice(&signature).ok()?;
        Some(value.to_owned())
    }

    /// The verified value of the request's cookie of that (short) name.
    pub fn read(&self, headers: &axum::http::HeaderMap, name: &str) -> Option<String> {
        self.verify(find(headers, &self.name(name))?)
    }

    /// A `Set-Cookie` value. `max_age` in seconds; without one the cookie ends with the browser's session.
    pub fn set(&self, name: &str, value: &str, max_age: Option<u32>) -> String {
        let age = max_age.map_or_else(String::new, |age| format!(" Max-Age={age};"));
        let secure = if self.secure { " Secure;" } else { "" };
        format!(
            "{}={value};{age} Path=/; HttpOnly;{secure} SameSite=Lax",
            self.name(name)
        )
    }

    /// A `Set-Cookie` value that removes the cookie.
    pub fn clear(&self, name: &str) -> String {
        self.set(name, "", Some(0))
    }

    fn mac(&self, value: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(value.as_bytes());
        mac
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies")
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}

/// All cookies of a request in order, as they stand in its `Cookie` headers.
pub fn pairs(headers: &axum::http::HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(axum::http::header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim();
            let unquoted = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'));
            Some((name.trim(), unquoted.unwrap_or(value)))
        })
}

/// The first cookie of that full name, even when it is a broken one.
pub fn find<'h>(headers: &'h axum::http::HeaderMap, name: &str) -> Option<&'h str> {
    pairs(headers)
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector recorded from Better Auth 1.7.25.
    #[test]
    fn signs_and_verifies_as_better_auth_does() {
        let cookies = Cookies::new("reference-secret-for-tests-0123456789abcdef", false);
        let cookie =
            "pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E.rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D";

        assert_eq!(cookies.sign("pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E"), cookie);
        assert_eq!(
            cookies.verify(cookie).as_deref(),
            Some("pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E")
        );
        assert_eq!(cookies.verify(&cookie.replace("pAQ8", "pAQ9")), None);
        assert_eq!(
            cookies.verify(".rrjlU9T7lxoX8YJn8E5J51QY6%2BHEH%2BoBTjFtbbUYZgI%3D"),
            None
        );
        assert_eq!(cookies.verify("%ff%fe"), None);
    }

    #[test]
    fn reads_the_first_of_equal_names() {
        let mut headers = axum::http::HeaderMap::new();
        headers.append("cookie", "junk; a=\"1\"; a=2".parse().unwrap());
        headers.append("cookie", "b=3".parse().unwrap());

        assert_eq!(find(&headers, "a"), Some("1"));
        assert_eq!(find(&headers, "b"), Some("3"));
    }
}
