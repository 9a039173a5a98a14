//! Addresses of users' websites.

use url::{Host, Url};

/// Returns the address to store, or the end of the error message. An empty address stays empty.
pub fn stored(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let address = address(text).ok_or("must be a URL address")?;
    // With the added scheme, the address must still be short enough to be sent again.
    if address.chars().count() > 255 {
        return Err("must be shorter than or equal to 255 characters");
    }
    Ok(address)
}

/// Returns the address to store: as sent, or with `https://` if it has no scheme. Returns `None` unless it is an absolute http
/// or https address. The web app links to it, so `javascript:` must be rejected.
fn address(text: &str) -> Option<String> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\\<>\"".contains(c);
    if text.contains(forbidden) {
        return None;
    }
    let address = match text.split_once("://") {
        Some((scheme, _)) if is_http(scheme) => text.to_owned(),
        // A colon and slashes in the query do not mark a scheme.
        Some((before, _)) if !before.contains(['/', '?', '#']) => return None,
        _ => format!("https://{text}"),
    };
    let (_, rest) = address.split_once("://")?;
    // The parser skips additional slashes, but browsers disagree about the host of such an address.
    if rest.starts_with('/') {
        return None;
    }
    let url = Url::parse(&address).ok()?;
    let named = address == text || is_public_host(&url, text);
    let plain = url.username().is_empty() && url.password().is_none();
    (url.has_host() && named && plain).then_some(address)
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// Returns whether an address without a scheme means a host: a name with a dot, or an IP address as it was typed.
/// `mailto:a` and `javascript:1` also parse as host and port, and `1.5` parses as 1.0.0.5.
fn is_public_host(url: &Url, typed: &str) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').contains('.'),
        Some(host) => typed.starts_with(&host.to_string()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn absolute_addresses_are_unchanged() {
        for text in [
            "https://sarah.dev",
            "HTTP://Sarah.dev/Path?q=1#x",
            "http://localhost:3000",
            "https://münchen.example/ü",
            "https://[2001:db8::1]/",
        ] {
            assert_eq!(address(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_host_without_a_scheme_gets_https() {
        for text in [
            "sarah.dev",
            "sarah.dev:8080/x?y=1",
            "www.example.com/?to=http://other.example",
            "192.0.2.1/x",
            "münchen.example",
        ] {
            assert_eq!(address(text), Some(format!("https://{text}")));
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "javascript:alert(1)",
            "javascript:1",
            "javascript://example.com/%0aalert(1)",
            "JAVASCRIPT:alert(document.cookie.x)",
            "data:text/html,x",
            "data:text/html.x",
            "mailto:sarah@example.com",
            "sarah@example.com",
            "ftp://example.com",
            "https:example.com",
            "https://",
            "https:///example.com",
            "//example.com",
            "/path.html",
            "https://user:secret@example.com",
            "https://exa mple.com",
            "https://example.com\\@evil.example",
            "localhost",
            "1.5",
            ".",
            "?a.b",
            "https://a\u{7f}b.example",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
