//! Which origins and addresses are trusted: the matching rules of Better Auth 1.7.

use std::net::Ipv4Addr;

use url::Url;

/// The origins, patterns and custom schemes that may send credentials and be redirected to.
#[derive(Clone, Debug)]
pub struct TrustedOrigins {
    patterns: Vec<String>,
}

impl TrustedOrigins {
    /// Patterns are origins (`https://codecave.tech`), wildcards (`https://*.preview.codecave.tech`, `*.codecave.tech`)
    /// or custom schemes (`codecave://`).
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        let mut unique: Vec<String> = Vec::new();
        for pattern in patterns {
            if !unique.contains(&pattern) {
                unique.push(pattern);
            }
        }
        Self { patterns: unique }
    }

    /// Whether an absolute address (or an `Origin` header) belongs to a trusted origin. Relative ones never do.
    pub fn allows_origin(&self, candidate: &str) -> bool {
        if candidate.starts_with('/') {
            return false;
        }
        let Ok(url) = Url::parse(candidate) else {
            return false;
        };
        self.patterns
            .iter()
            .any(|pattern| matches(pattern, candidate, &url))
    }

    /// Whether a redirect address is safe: it belongs to a trusted origin, or is relative and cannot leave its base.
    pub fn allows_redirect(&self, address: &str) -> bool {
        self.allows_origin(address) || is_safe_relative(address)
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn matches(pattern: &str, candidate: &str, url: &Url) -> bool {
    let origin = url.origin().ascii_serialization();
    if pattern.contains(['*', '?']) {
        if let Some((_, rest)) = pattern.split_once("://") {
            if !address_fits(rest, url) {
                return false;
            }
            let text = if is_web(url) {
                origin.as_str()
            } else {
                candidate
            };
            return wildcard(pattern, text);
        }
        let Some(host) = url.host_str() else {
            return false;
        };
        let host = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        return address_fits(pattern, url) && wildcard(pattern, &host);
    }
    if is_web(url) {
        return origin == pattern;
    }
    custom_scheme(pattern, url)
}

/// A wildcard host of digits, dots and wildcards only is meant for IPv4 addresses: `192.168.*.*` must not take
/// `192.168.evil.example`.
fn address_fits(host: &str, url: &Url) -> bool {
    let numeric = host
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | '*' | '?' | ':'));
    let has_digit = host.chars().any(|c| c.is_ascii_digit());
    !(numeric && has_digit)
        || url
            .host_str()
            .is_some_and(|host| host.parse::<Ipv4Addr>().is_ok())
}

fn custom_scheme(pattern: &str, url: &Url) -> bool {
    let Some((scheme, rest)) = pattern.split_once("://") else {
        return false;
    };
    if !scheme.eq_ignore_ascii_case(url.scheme()) || matches!(scheme, "http" | "https") {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let Ok(pattern) = Url::parse(pattern) else {
        return false;
    };
    if pattern.host_str() != url.host_str() || pattern.port() != url.port() {
        return false;
    }
    let base = pattern.path().trim_end_matches('/');
    base.is_empty()
        || url
            .path()
            .strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Matches the whole text; `*` is any run of characters, `?` one.
fn wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, taken)) = retry else {
                    return false;
                };
                retry = Some((star, taken + 1));
                p = star + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn is_safe_relative(address: &str) -> bool {
    let path = address
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    address.starts_with('/')
        && !address.starts_with("//")
        && !address.contains('\\')
        && !address.chars().any(char::is_control)
        && !path.contains("%2f")
        && !path.contains("%5c")
        && stays_on_base(address)
}

fn stays_on_base(address: &str) -> bool {
    Url::parse("https://base.invalid")
        .and_then(|base| base.join(address))
        .is_ok_and(|url| url.origin().ascii_serialization() == "https://base.invalid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(patterns: &[&str]) -> TrustedOrigins {
        TrustedOrigins::new(patterns.iter().map(|pattern| (*pattern).to_owned()))
    }

    #[test]
    fn origins_match_exactly() {
        let origins = trusted(&["https://codecave.tech", "http://localhost:3000"]);
        for good in [
            "https://codecave.tech",
            "https://CODECAVE.tech:443/a?b",
            "http://localhost:3000/x",
        ] {
            assert!(origins.allows_origin(good), "{good}");
        }
        for bad in [
            "http://codecave.tech",
            "https://codecave.tech:8443",
            "https://codecave.tech@evil.example/",
            "https://codecave.tech.evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "null",
            "/a",
            "",
        ] {
            assert!(!origins.allows_origin(bad), "{bad}");
        }
    }

    #[test]
    fn wildcards_match_origin_or_host() {
        let origins = trusted(&[
            "https://*.preview.codecave.tech",
            "*.wild.codecave.tech",
            "192.168.*.*",
        ]);
        for good in [
            "https://a.b.preview.codecave.tech",
            "http://x.wild.codecave.tech/a",
            "http://192.168.0.7",
        ] {
            assert!(origins.allows_origin(good), "{good}");
        }
        for bad in [
            "https://preview.codecave.tech",
            "http://a.preview.codecave.tech",
            "https://a.preview.codecave.tech.evil.example",
            "https://x.wild.codecave.tech:8443",
            "http://192.168.evil.example",
        ] {
            assert!(!origins.allows_origin(bad), "{bad}");
        }
    }

    #[test]
    fn custom_schemes_match_scheme_authority_and_path() {
        let origins = trusted(&["codecave://", "app://open/in"]);
        for good in [
            "codecave://any/thing",
            "CODECAVE:/x",
            "app://open/in",
            "app://open/in/side",
        ] {
            assert!(origins.allows_origin(good), "{good}");
        }
        for bad in [
            "app://open/inside",
            "app://other/in",
            "app://open/in/../out",
        ] {
            assert!(!origins.allows_origin(bad), "{bad}");
        }
    }

    #[test]
    fn relative_addresses_must_stay_on_their_base() {
        let origins = trusted(&[]);
        for good in [
            "/",
            "/a b",
            "/a;b",
            "/ok#x",
            "/a?next=https://evil.example",
            "/a?b=%2f",
        ] {
            assert!(origins.allows_redirect(good), "{good}");
        }
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "/%2fevil.example",
            "/%5Cx",
            "relative",
            "/a\nb",
            "/\t/evil.example",
        ] {
            assert!(!origins.allows_redirect(bad), "{bad}");
        }
    }
}
