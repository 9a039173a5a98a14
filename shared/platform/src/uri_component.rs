//! `encodeURIComponent` and `decodeURIComponent` of JavaScript (ECMA-262, 19.2.6).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Letters, digits and the characters that are not encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Percent-encodes every character that has a meaning in an address.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Decodes a text. Returns `None` where JavaScript throws: if two hexadecimal digits do not follow a `%`, or if the result
/// is not UTF-8.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    let is_well_formed = text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        (0..2).all(|_| digits.next().is_some_and(|digit| digit.is_ascii_hexdigit()))
    });
    is_well_formed
        .then(|| percent_decode_str(text).decode_utf8().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes_as_javascript_does() {
        let text = "aZ0-_.!~*'() +/=:%é";
        let encoded = "aZ0-_.!~*'()%20%2B%2F%3D%3A%25%C3%A9";

        assert_eq!(encode(text), encoded);
        assert_eq!(decode(encoded).as_deref(), Some(text));
        for broken in ["%", "a%2", "%zz%3D", "%%41", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
