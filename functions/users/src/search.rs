//! Search terms as patterns of `like`.

/// Most terms that one search may have.
pub const MAX_TERMS: usize = 8;

/// The white-space-separated terms of a search.
pub fn terms(text: &str) -> Vec<String> {
    text.split_whitespace().map(anywhere).collect()
}

/// A pattern that matches the text anywhere; `%`, `_` and `\` in it are literal.
pub fn anywhere(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// A pattern that matches what begins with the text.
pub fn beginning(text: &str) -> String {
    format!("{}%", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('%', r"\%")
        .replace('_', r"\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_literal() {
        assert_eq!(terms(r" 50%  a_b c\d"), [r"%50\%%", r"%a\_b%", r"%c\\d%"]);
        assert_eq!(beginning("C%"), r"C\%%");
    }
}
