//! The trusted origins and redirect addresses, by the matching rules of Better Auth 1.7.

use std::net::Ipv4Addr;

use url::Url;

use crate::uri_component;

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

    /// Returns whether an absolute address or an `Origin` header belongs to a trusted origin. A relative address does not.
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

    /// Returns whether a redirect address is safe: it belongs to a trusted origin, or it is relative and cannot leave its
    /// base. An address with control characters is not: parsers remove some of them, and headers cannot contain them.
    pub fn allows_redirect(&self, address: &str) -> bool {
        !address.chars().any(char::is_control)
            && (self.allows_origin(address) || is_safe_relative(address))
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn matches(pattern: &str, candidate: &str, url: &Url) -> bool {
    let is_wildcard = pattern.contains(['*', '?']);
    let written = pattern.split_once("://").map(|(_, authority)| authority);
    if is_wildcard && written.is_none() {
        return is_web(url) && authority(url).is_some_and(|host| matches_authority(pattern, &host));
    }
    if !is_web(url) {
        return custom_scheme(pattern, candidate, is_wildcard);
    }
    let origin = url.origin().ascii_serialization();
    if !is_wildcard {
        return origin == pattern;
    }
    wildcard(pattern, &origin)
        && written
            .zip(authority(url))
            .is_some_and(|(pattern, host)| is_in_range(pattern, &host))
}

/// Returns the host, with the port unless it is the default of the scheme.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Returns whether a pattern matches a host with its port.
fn matches_authority(pattern: &str, authority: &str) -> bool {
    wildcard(pattern, authority) && is_in_range(pattern, authority)
}

/// A pattern of only digits, dots and wildcards is a range of IPv4 addresses: `192.168.*.*` must not match
/// `192.168.evil.example`.
fn is_in_range(pattern: &str, authority: &str) -> bool {
    let pattern = without_port(pattern);
    let is_range = pattern.contains(|c: char| c.is_ascii_digit())
        && pattern
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '*' | '?'));
    !is_range || without_port(authority).parse::<Ipv4Addr>().is_ok()
}

fn without_port(authority: &str) -> &str {
    authority.split(':').next().unwrap_or_default()
}

/// The parts of an address with a custom scheme. This module parses it itself, because URL parsers treat non-web
/// addresses differently and the decision must not depend on the parser.
struct CustomAddress {
    scheme: String,
    authority: String,
    path: String,
}

impl CustomAddress {
    /// In a pattern with wildcards, `?` is a wildcard and not the start of a query.
    fn parse(text: &str, is_wildcard: bool) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if scheme.is_empty() || text.chars().any(char::is_control) {
            return None;
        }
        let ends: &[char] = if is_wildcard { &['#'] } else { &['?', '#'] };
        let (authority, path) = match rest.strip_prefix("//") {
            None => ("", rest),
            Some(rest) => {
                let end = rest.find(|c| c == '/' || ends.contains(&c));
                rest.split_at(end.unwrap_or(rest.len()))
            }
        };
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_lowercase(),
            path: resolve(path.split(ends).next().unwrap_or_default()),
        })
    }
}

/// Decodes a path and removes `.`, `..` and repeated slashes. The root is an empty text.
fn resolve(path: &str) -> String {
    let decoded = uri_component::decode(path).unwrap_or(path.into());
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            ".." => {
                segments.pop();
            }
            "" | "." => {}
            segment => segments.push(segment),
        }
    }
    segments.iter().flat_map(|segment| ["/", segment]).collect()
}

fn custom_scheme(pattern: &str, candidate: &str, is_wildcard: bool) -> bool {
    let parts =
        CustomAddress::parse(pattern, is_wildcard).zip(CustomAddress::parse(candidate, false));
    let Some((pattern, found)) = parts else {
        return false;
    };
    if pattern.scheme != found.scheme {
        return false;
    }
    if is_wildcard {
        let path = if found.path.is_empty() {
            "/"
        } else {
            &found.path
        };
        // User information before an `@` must not match the pattern of a host.
        return !found.authority.contains('@')
            && (pattern.authority.is_empty()
                || matches_authority(&pattern.authority, &found.authority))
            && (pattern.path.is_empty() || wildcard(&pattern.path, path));
    }
    let below = found.path.strip_prefix(&pattern.path);
    (pattern.authority.is_empty() || pattern.authority == found.authority)
        && below
            .is_some_and(|rest| pattern.path.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// Matches the whole text. `*` matches any number of characters, `?` matches one.
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
                p = star;
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
        && !path.contains("%2f")
        && !path.contains("%5c")
        && stays_on_base(address)
}

/// Returns whether a browser stays on the origin. Without its dot segments (`/.//evil.example`, `/a/%2e%2e//evil.example`),
/// the path may not begin with two slashes: written alone, that is another host (RFC 3986, 4.2).
fn stays_on_base(address: &str) -> bool {
    Url::parse("https://base.invalid")
        .and_then(|base| base.join(address))
        .is_ok_and(|url| {
            url.origin().ascii_serialization() == "https://base.invalid"
                && !url.path().starts_with("//")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(patterns: &[&str]) -> TrustedOrigins {
        TrustedOrigins::new(patterns.iter().map(|pattern| (*pattern).to_owned()))
    }

    #[test]
    fn a_relative_address_without_its_dot_segments_stays_on_its_host() {
        let origins = trusted(&[]);
        for bad in [
            "/.//evil.example/x",
            "/a/..//evil",
            "/%2e//evil",
            "/..//evil",
            "/x/%2e%2e//evil",
            "/x/%2E.//evil",
            "/a/./..//evil?x=1#y",
            "/././/evil",
        ] {
            assert!(!origins.allows_redirect(bad), "{bad}");
        }
        for good in ["/", "/a/../b", "/a//b", "/.well-known/x", "/a?next=//b"] {
            assert!(origins.allows_redirect(good), "{good}");
        }
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
            "*.v2.codecave.tech",
            "192.168.*.*",
        ]);
        for good in [
            "https://a.b.preview.codecave.tech",
            "http://x.wild.codecave.tech/a",
            "http://x.v2.codecave.tech",
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
            "javascript://x.wild.codecave.tech/%0aalert(1)",
            "codecave://x.wild.codecave.tech",
            "ftp://x.wild.codecave.tech",
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
            "APP://OPEN/in",
            "app://open/%69n?x#y",
            "app://open/in/side",
            "app://open/out/../in",
        ] {
            assert!(origins.allows_origin(good), "{good}");
        }
        for bad in [
            "app://open",
            "app://open/inside",
            "app://other/in",
            "app://ada@open/in",
            "app://open:1/in",
            "app:open/in",
            "codecave://any\tthing",
            "app://open/in/../out",
            "app://open/in/%2e%2e%2fout",
            "apps://open/in",
        ] {
            assert!(!origins.allows_origin(bad), "{bad}");
        }
    }

    #[test]
    fn custom_schemes_take_wildcards() {
        let origins = trusted(&["exp://10.*.*.*:*/**", "app://*.codecave.tech/in/?"]);
        for good in [
            "exp://10.0.0.1:8081/--/x",
            "exp://10.0.0.1:8081",
            "app://a.b.codecave.tech/in/1?x",
        ] {
            assert!(origins.allows_origin(good), "{good}");
        }
        for bad in [
            "exp://10.a.evil.example:1/x",
            "exp://10.0.0.1/x",
            "exp://ada@10.0.0.1:8081/x",
            "app://evil.example/in/1",
            "app://codecave.tech/in/1",
            "app://a.codecave.tech/in/12",
            "app://evil.example#.codecave.tech/in/1",
        ] {
            assert!(!origins.allows_origin(bad), "{bad}");
        }
    }

    #[test]
    fn redirects_contain_no_control_characters() {
        let origins = trusted(&["https://codecave.tech"]);
        assert!(origins.allows_redirect("https://codecave.tech/x"));
        for bad in [
            "\thttps://codecave.tech",
            "https://codecave.tech/\r\n",
            "ht\ntps://codecave.tech",
            "https://codecave.tech/\u{85}",
        ] {
            assert!(!origins.allows_redirect(bad), "{bad:?}");
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
