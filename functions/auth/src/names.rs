//! The rules of users' names and images. Checks of the table `user` enforce the same rules for every writer, except that a
//! name may be empty, because a provider may send none.

use url::Url;

use crate::fields::{TextRule, text};

/// Maximum length of a name.
const MAX_NAME_CHARS: usize = 255;
/// Maximum length of an image's address.
const MAX_IMAGE_CHARS: usize = 2048;

/// The rule of a name.
pub fn display_name() -> TextRule {
    text().trimmed().not_empty().max(MAX_NAME_CHARS).form(
        is_printable,
        "Invalid input: expected string without control characters",
    )
}

/// The rule of an image's address.
pub fn image_address() -> TextRule {
    text()
        .max(MAX_IMAGE_CHARS)
        .form(is_web_address, "Invalid URL")
}

/// Returns a provider's name as it is stored: without control characters, and cut to the maximum length.
pub fn stored_name(name: &str) -> String {
    let printable: String = name.chars().filter(|c| !is_control(*c)).collect();
    let cut: String = printable.trim().chars().take(MAX_NAME_CHARS).collect();
    cut.trim_end().to_owned()
}

/// Returns a provider's image as it is stored: `None` if it breaks the rule.
pub fn stored_image(image: Option<&str>) -> Option<&str> {
    image.filter(|image| image.chars().count() <= MAX_IMAGE_CHARS && is_web_address(image))
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(is_control)
}

/// Returns whether the character is a control character, or changes the direction of the text around it.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether the text is an absolute http or https address, as browsers and PostgreSQL read it alike.
fn is_web_address(text: &str) -> bool {
    let is_absolute = ["http://", "https://"].iter().any(|scheme| {
        text.split_at_checked(scheme.len())
            .is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(scheme) && !rest.starts_with(['/', '\\'])
            })
    });
    is_absolute
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && Url::parse(text).is_ok_and(|url| url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_web_addresses() {
        for good in [
            "https://a.example/x.png",
            "HTTP://A.EXAMPLE",
            "http://[::1]:8080/ä",
        ] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "//a.example/x.png",
            "/x.png",
            "https:a.example",
            "https:///",
            "https:///a.example",
            "https://",
            "https://a b",
            " https://a.example",
            "https://a.example\n",
            "ftp://a.example",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    #[test]
    fn names_of_providers_are_truncated() {
        assert_eq!(stored_name(" Ada\u{202e} L.\n"), "Ada L.");
        assert_eq!(stored_name(&"é".repeat(1000)).chars().count(), 255);
        assert_eq!(
            stored_name(&format!("{} x", "a".repeat(254))),
            "a".repeat(254)
        );
        assert_eq!(stored_image(Some("data:x")), None);
        let long = format!("https://a.example/{}", "x".repeat(2048));
        assert_eq!(stored_image(Some(&long)), None);
    }
}
