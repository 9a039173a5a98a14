//! Terms of a search, as conditions that PostgreSQL checks.

use unicode_normalization::char::is_combining_mark;

/// The scripts whose texts have no blanks between words, as ranges of letters. The SQL function `word_start` has the same
/// list.
const WITHOUT_BLANKS: [(char, char); 18] = [
    // Thai, Lao, Tibetan.
    ('\u{e00}', '\u{fff}'),
    // Burmese.
    ('\u{1000}', '\u{109f}'),
    // Khmer.
    ('\u{1780}', '\u{17ff}'),
    // Tai scripts.
    ('\u{1950}', '\u{19ff}'),
    ('\u{1a20}', '\u{1aaf}'),
    // Balinese.
    ('\u{1b00}', '\u{1b7f}'),
    // Japanese and Chinese.
    ('\u{3005}', '\u{3007}'),
    ('\u{3040}', '\u{312f}'),
    ('\u{31a0}', '\u{31ff}'),
    ('\u{3400}', '\u{4dbf}'),
    ('\u{4e00}', '\u{9fff}'),
    // Javanese and additions to Burmese.
    ('\u{a980}', '\u{a9ff}'),
    ('\u{aa60}', '\u{aadf}'),
    // More of Japanese and Chinese.
    ('\u{f900}', '\u{faff}'),
    ('\u{ff66}', '\u{ff9f}'),
    ('\u{1aff0}', '\u{1b16f}'),
    ('\u{20000}', '\u{2ffff}'),
    ('\u{30000}', '\u{3ffff}'),
];

/// Maximum number of terms of a search.
pub const MAX_TERMS: usize = 8;

/// A word of a search. The texts are unchanged, because the statement folds them.
#[derive(Clone, Debug)]
pub struct Term {
    /// The text as the client sent it.
    pub text: String,
    /// A pattern of `like` that matches the term anywhere.
    pub pattern: String,
    /// Whether it matches at the start of a word only.
    pub starts_word: bool,
}

impl Term {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            pattern: anywhere(text),
            starts_word: is_short(text),
        }
    }

    /// Returns whether a trigram index can find the term, which requires three letters or digits in a row.
    pub fn is_indexed(&self) -> bool {
        self.text
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word.chars().count() >= 3)
    }
}

/// Splits a search into its terms, which white space separates.
pub fn terms(text: &str) -> Vec<Term> {
    text.split_whitespace().map(Term::new).collect()
}

/// Returns a pattern of `like` that matches the text anywhere; `%`, `_` and `\` in it are literal.
pub fn anywhere(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// Returns a pattern of `like` that matches texts that start with the text.
pub fn beginning(text: &str) -> String {
    format!("{}%", escaped(text))
}

/// Returns a pattern of `like` that matches texts with a line that starts with the text, after the first line. The search text of
/// a project has each tag on such a line.
pub fn line_beginning(text: &str) -> String {
    format!("%\n{}", beginning(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('%', r"\%")
        .replace('_', r"\_")
}

/// Returns whether the term consists of one or two letters or digits, with their combining marks. Inside of a word such a
/// short term matches by chance, but in a script without blanks it can be a word.
fn is_short(term: &str) -> bool {
    let mut letters = 0;
    for c in term.chars() {
        if is_combining_mark(c) {
            continue;
        }
        let has_blanks = !WITHOUT_BLANKS
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c));
        if !c.is_alphanumeric() || !has_blanks {
            return false;
        }
        letters += 1;
    }
    (1..=2).contains(&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_literal() {
        let patterns = |text| -> Vec<String> {
            let terms = terms(text).into_iter();
            terms.map(|term| term.pattern).collect()
        };
        assert_eq!(
            patterns(r" 50%  a_b c\d"),
            [r"%50\%%", r"%a\_b%", r"%c\\d%"]
        );
        assert_eq!(beginning("C%"), r"C\%%");
        assert_eq!(line_beginning("a_b"), "%\na\\_b%");
    }

    #[test]
    fn three_letters_or_digits_in_a_row_are_indexed() {
        for text in ["web", "c++11-web", "日本語", "123"] {
            assert!(Term::new(text).is_indexed(), "{text}");
        }
        for text in ["go", "c++", "a.b-c_d", "%%%", "🦀🦀🦀"] {
            assert!(!Term::new(text).is_indexed(), "{text}");
        }
    }

    #[test]
    fn one_or_two_letters_or_digits_are_short() {
        for text in ["c", "go", "3d", "é", "e\u{301}a", "हि", "Ωμ", "го"] {
            assert!(Term::new(text).starts_word, "{text}");
        }
        for text in ["web", "c+", "%", "🦀", "語", "日本", "ไป", "\u{301}", "a本"] {
            assert!(!Term::new(text).starts_word, "{text}");
        }
    }
}
