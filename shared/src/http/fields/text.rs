//! Texts and lists of texts.

use std::borrow::Cow;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::{Check, Field};
use crate::http::describe::{self, Schema};

/// A text.
pub fn text() -> Text {
    Text::default()
}

/// A list of texts. In a query, the name is repeated.
pub fn texts() -> Texts {
    Texts::default()
}

/// A custom rule: a predicate, and the end of its message.
type OwnRule = (fn(&str) -> bool, &'static str);

/// Converts a valid text, or returns the end of the message.
type Convert = fn(&str) -> Result<String, &'static str>;

/// Maximum number of bytes that are composed into one character. The longest decomposition has four characters (Unicode
/// Standard Annex 15).
const LONGEST: usize = 4 * size_of::<char>();

/// See [`text`].
#[derive(Clone, Default)]
pub struct Text {
    trim: bool,
    compose: bool,
    not_empty: bool,
    max: Option<usize>,
    rules: Vec<OwnRule>,
    convert: Option<Convert>,
}

impl Text {
    /// Removes white space at both ends before the rules are checked.
    pub fn trimmed(mut self) -> Self {
        self.trim = true;
        self
    }

    /// Composes characters (Unicode NFC) before the rules are checked, so that the same text is always stored in one
    /// form.
    pub fn composed(mut self) -> Self {
        self.compose = true;
        self
    }

    /// Rejects empty and blank texts.
    pub fn not_empty(mut self) -> Self {
        self.not_empty = true;
        self
    }

    /// Limits the number of Unicode scalar values.
    pub fn max(mut self, max: usize) -> Self {
        self.max = Some(max);
        self
    }

    /// Adds a rule. Its message is the field's name followed by `words`.
    pub fn rule(mut self, holds: fn(&str) -> bool, words: &'static str) -> Self {
        self.rules.push((holds, words));
        self
    }

    /// Converts a text that passes all other rules. A rejection's message is the field's name followed by the returned
    /// words.
    pub fn converted(mut self, convert: Convert) -> Self {
        self.convert = Some(convert);
        self
    }

    /// Returns the text that the rules apply to. A text that is too long in every form is not composed, to save the work.
    fn prepared<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let text = if self.trim { text.trim() } else { text };
        let may_fit = self.max.is_none_or(|max| text.len() <= max * LONGEST);
        if self.compose && may_fit && !text.is_ascii() {
            text.nfc().collect::<String>().into()
        } else {
            text.into()
        }
    }

    /// Validates one text. `refuse` reports the end of a message.
    fn check_with(&self, value: &Value, mut refuse: impl FnMut(&str)) -> Option<String> {
        let text = value.as_str().map(|text| self.prepared(text));
        let text = text.as_deref();
        let blank = text.map_or(value.is_null(), |text| text.trim().is_empty());
        let mut failed = false;
        let mut fail = |words: &str| {
            failed = true;
            refuse(words);
        };
        if text.is_none() {
            fail("must be a string");
        }
        if self.not_empty && blank {
            fail("should not be empty");
        }
        if let Some(max) = self.max
            && text.is_none_or(|text| is_longer(text, max))
        {
            fail(&format!(
                "must be shorter than or equal to {max} characters"
            ));
        }
        if let Some(text) = text
            && !(self.not_empty && blank)
        {
            for (holds, words) in &self.rules {
                if !holds(text) {
                    fail(words);
                }
            }
        }
        let text = text.filter(|_| !failed)?;
        match self.convert {
            None => Some(text.to_owned()),
            Some(convert) => convert(text).map_err(refuse).ok(),
        }
    }
}

/// Returns whether the text has more than `max` Unicode scalar values. Does not count all of a long text.
fn is_longer(text: &str, max: usize) -> bool {
    text.len() > max && text.chars().nth(max).is_some()
}

impl Check for Text {
    type Output = String;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<String> {
        self.check_with(value, |words| field.refuse(words))
    }

    fn schema(&self) -> Schema {
        describe::text(self.not_empty.then_some(1), self.max)
    }
}

/// See [`texts`].
#[derive(Clone, Default)]
pub struct Texts {
    max_items: Option<usize>,
    form: Option<fn(&str) -> String>,
    element: Text,
}

impl Texts {
    /// Limits the number of elements.
    pub fn max_items(mut self, max: usize) -> Self {
        self.max_items = Some(max);
        self
    }

    /// Removes white space at both ends of each element before the rules are checked.
    pub fn trimmed(mut self) -> Self {
        self.element = self.element.trimmed();
        self
    }

    /// Composes characters (Unicode NFC) of each element before the rules are checked.
    pub fn composed(mut self) -> Self {
        self.element = self.element.composed();
        self
    }

    /// Normalises each element with this function before the rules are checked. The normalised element is the value.
    pub fn in_form(mut self, form: fn(&str) -> String) -> Self {
        self.form = Some(form);
        self
    }

    /// Rejects empty and blank elements.
    pub fn not_empty(mut self) -> Self {
        self.element = self.element.not_empty();
        self
    }

    /// Limits the number of Unicode scalar values of each element.
    pub fn max(mut self, max: usize) -> Self {
        self.element = self.element.max(max);
        self
    }

    /// Adds a rule for each element. Its message is the field's name followed by `words`.
    pub fn rule(mut self, holds: fn(&str) -> bool, words: &'static str) -> Self {
        self.element = self.element.rule(holds, words);
        self
    }
}

impl Check for Texts {
    type Output = Vec<String>;

    const TAKES_LISTS: bool = true;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<Vec<String>> {
        let Value::Array(values) = value else {
            field.refuse("must be an array");
            return None;
        };
        if let Some(max) = self.max_items
            && values.len() > max
        {
            field.refuse(format_args!("must contain no more than {max} elements"));
            return None;
        }
        let before = field.failures();
        let texts = values
            .iter()
            .filter_map(|value| {
                let formed: Option<Value> = self
                    .form
                    .zip(value.as_str())
                    .map(|(form, text)| form(text).into());
                let value = formed.as_ref().unwrap_or(value);
                self.element
                    .check_with(value, |words| field.refuse_element(words))
            })
            .collect();
        (!field.has_failed(before)).then_some(texts)
    }

    fn schema(&self) -> Schema {
        describe::list(self.element.schema(), self.max_items)
    }
}
