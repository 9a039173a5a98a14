//! `Content-Disposition` of a download (RFC 6266, RFC 8187).

use std::fmt::Write as _;

/// Returns the header that saves a download under this name. A non-ASCII name is included twice: with `_` for each
/// non-ASCII character for old clients, and encoded.
pub fn attachment(filename: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/') || c == ' ';
    let plain: String = filename
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let mut header = format!("attachment; filename=\"{plain}\"");
    if plain != filename {
        header.push_str("; filename*=UTF-8''");
        for byte in filename.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                header.push(char::from(byte));
            } else {
                // Writing to a `String` cannot fail.
                let _ = write!(header, "%{byte:02X}");
            }
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_cannot_inject_into_the_header() {
        for (name, header) in [
            ("a b.txt", r#"attachment; filename="a b.txt""#),
            (
                "a\"; x=\\\r\nb",
                r#"attachment; filename="a_; x=___b"; filename*=UTF-8''a%22%3B%20x%3D%5C%0D%0Ab"#,
            ),
            (
                "é👋%41",
                r#"attachment; filename="___41"; filename*=UTF-8''%C3%A9%F0%9F%91%8B%2541"#,
            ),
        ] {
            assert_eq!(attachment(name), header);
        }
        let long = "👋".repeat(255);
        assert!(attachment(&long).is_ascii());
    }
}
