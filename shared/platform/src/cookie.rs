//! Cookies as Better Auth 1.7 writes and reads them: names, signatures, attributes.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header::COOKIE};
use sha2::Sha256;

use crate::uri_component;

/// The `SameSite` attribute of every cookie. It determines which requests from other sites contain the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Links that a person follows.
    #[default]
    Lax,
    /// No requests.
    Strict,
    /// All requests, if the browser accepts such cookies. They require `Secure`.
    None,
}

impl SameSite {
    fn attribute(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

impl FromStr for SameSite {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "lax" => Ok(Self::Lax),
            "strict" => Ok(Self::Strict),
            "none" => Ok(Self::None),
            _ => Err(()),
        }
    }
}

/// Names and attributes of this deployment's cookies, and the key that signs them.
#[derive(Clone)]
pub struct Cookies {
    secret: Vec<u8>,
    secure: bool,
    same_site: SameSite,
}

impl Cookies {
    /// `secure` means that the public address is https. Then every name has the prefix `__Secure-`, and only cookies
    /// with that prefix are read.
    pub fn new(secret: &str, secure: bool) -> Self {
        Self {
            secret: secret.as_bytes().to_vec(),
            secure,
            same_site: SameSite::default(),
        }
    }

    /// Returns the same cookies with another `SameSite` attribute.
    pub fn with_same_site(self, same_site: SameSite) -> Self {
        Self { same_site, ..self }
    }

    /// Returns the full name of a cookie, for example `better-auth.session_token` for `session_token`.
    pub fn name(&self, name: &str) -> String {
        let prefix = if self.secure { "__Secure-" } else { "" };
        format!("{prefix}better-auth.{name}")
    }

    /// Returns `VALUE.SIGNATURE`, percent-encoded.
    pub fn sign(&self, value: &str) -> String {
        let signature = STANDARD.encode(self.mac(value).finalize().into_bytes());
        uri_component::encode(&format!("{value}.{signature}"))
    }

    /// Returns the value of a signed cookie, given as it is in the header; `None` if the signature is not valid.
    pub fn verify(&self, cookie: &str) -> Option<String> {
        let decoded = uri_component::decode(cookie).unwrap_or(cookie.into());
        let (value, signature) = decoded.rsplit_once('.')?;
        // PostgreSQL cannot store a NUL character, so no session has such a token.
        if value.is_empty() || value.contains('\0') {
            return None;
        }
        let signature = STANDARD.decode(signature).ok()?;
        self.mac(value).verify_slice(&signature).ok()?;
        Some(value.to_owned())
    }

    /// Returns the verified value of the request's cookie with that short name.
    pub fn read(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        self.verify(find(headers, &self.name(name))?)
    }

    /// Returns a `Set-Cookie` value. `max_age` is in seconds; without it the cookie expires with the browser's session.
    pub fn set(&self, name: &str, value: &str, max_age: Option<u32>) -> String {
        let age = max_age.map_or_else(String::new, |age| format!(" Max-Age={age};"));
        let secure = if self.secure { " Secure;" } else { "" };
        format!(
            "{}={value};{age} Path=/; HttpOnly;{secure} SameSite={}",
            self.name(name),
            self.same_site.attribute()
        )
    }

    /// Returns a `Set-Cookie` value that removes the cookie.
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

/// Returns all cookies of a request in the order of its `Cookie` headers. A value that is not UTF-8 counts as empty, so
/// that a foreign cookie with such a value does not hide the others.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let end = pair.iter().position(|byte| *byte == b'=')?;
            let name = str::from_utf8(&pair[..end]).ok()?;
            let value = str::from_utf8(&pair[end + 1..]).unwrap_or_default().trim();
            let unquoted = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'));
            Some((name.trim(), unquoted.unwrap_or(value)))
        })
}

/// Returns the first cookie with that full name, even if its value is not valid.
pub fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
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
        // A value that cannot be decoded is verified as it is.
        let odd = cookies.sign("100%zz");
        assert_eq!(cookies.verify(&odd).as_deref(), Some("100%zz"));
        assert_eq!(cookies.verify(&odd.replace("%25zz", "%zz")), None);
        assert_eq!(cookies.verify(&cookies.sign("a\0b")), None);
        assert_eq!(cookies.verify(&cookies.sign("")), None);
    }

    #[test]
    fn reads_the_verified_value_under_the_name_of_the_deployment() {
        for (secure, prefix, other) in [(true, "__Secure-", ""), (false, "", "__Secure-")] {
            let cookies = Cookies::new("secret", secure);
            let value = cookies.sign("token");
            let read = |prefix: &str| {
                let cookie = format!("{prefix}better-auth.session_token={value}");
                let headers = HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
                cookies.read(&headers, "session_token")
            };

            assert_eq!(read(prefix).as_deref(), Some("token"));
            assert_eq!(read(other), None);
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        let printed = format!("{:?}", Cookies::new("secret", true));

        assert!(printed.contains("secure: true"), "{printed}");
        assert!(!printed.contains("secret"), "{printed}");
        let bytes = format!("{:?}", "secret".as_bytes());
        assert!(!printed.contains(&bytes), "{printed}");
    }

    #[test]
    fn every_cookie_has_the_configured_same_site_attribute() {
        for (text, attribute) in [("lax", "Lax"), ("strict", "Strict"), ("none", "None")] {
            let cookies = Cookies::new("secret", true).with_same_site(text.parse().unwrap());
            assert_eq!(
                cookies.set("state", "x", Some(300)),
                format!(
                    "__Secure-better-auth.state=x; Max-Age=300; Path=/; HttpOnly; Secure; SameSite={attribute}"
                )
            );
            assert!(
                cookies
                    .clear("state")
                    .ends_with(&format!("; SameSite={attribute}"))
            );
        }
        assert!("None".parse::<SameSite>().is_err());
    }

    #[test]
    fn reads_the_first_of_equal_names() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "junk; a=\"1\"; a=2".parse().unwrap());
        headers.append("cookie", "b=3".parse().unwrap());

        assert_eq!(find(&headers, "a"), Some("1"));
        assert_eq!(find(&headers, "b"), Some("3"));
    }

    #[test]
    fn cookies_that_are_not_utf_8_do_not_hide_others() {
        let mut headers = HeaderMap::new();
        let bytes = "stra\u{df}e=1; x=\u{e9}; a=1; é=2; b="
            .chars()
            .map(|c| c as u8);
        let mut bytes: Vec<u8> = bytes.collect();
        bytes.extend(b"\xff; b=2");
        headers.append("cookie", http::HeaderValue::from_bytes(&bytes).unwrap());

        assert_eq!(find(&headers, "a"), Some("1"));
        assert_eq!(
            find(&headers, "b"),
            Some(""),
            "the first one counts, even if it is not valid"
        );
    }
}
