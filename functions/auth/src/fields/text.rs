//! Rules of texts and of lists of texts.

use serde_json::Value;
use shared::http::describe::{self, Schema};
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, schema::Type};

use super::{problems::Problems, rule::ValueRule};

/// A text without U+0000, which PostgreSQL cannot store.
pub fn text() -> TextRule {
    TextRule::default()
}

/// A condition, and the message for texts that do not meet it.
type TextForm = (fn(&str) -> bool, &'static str);

/// See [`text`].
#[derive(Clone, Default)]
pub struct TextRule {
    trimmed: bool,
    not_empty: bool,
    max: Option<usize>,
    form: Option<TextForm>,
    type_message: Option<&'static str>,
    allows_nul: bool,
    documented_length: (Option<usize>, Option<usize>),
    documented_pattern: Option<&'static str>,
    documented_format: Option<KnownFormat>,
}

impl TextRule {
    /// Removes white space at both ends before the text is validated.
    pub fn trimmed(mut self) -> Self {
        self.trimmed = true;
        self
    }

    /// Rejects the empty text.
    pub fn not_empty(mut self) -> Self {
        self.not_empty = true;
        self
    }

    /// Accepts at most that many Unicode scalar values.
    pub fn max(mut self, max: usize) -> Self {
        self.max = Some(max);
        self
    }

    /// Accepts texts for which the function holds. The message is the validator's.
    pub fn form(mut self, holds: fn(&str) -> bool, message: &'static str) -> Self {
        self.form = Some((holds, message));
        self
    }

    /// Reports a missing value, and one of another type, with this message.
    pub fn type_message(mut self, message: &'static str) -> Self {
        self.type_message = Some(message);
        self
    }

    /// Accepts U+0000, for texts that are not stored.
    pub fn allow_nul(mut self) -> Self {
        self.allows_nul = true;
        self
    }

    /// Describes lengths that the handler checks: they have an error code of their own.
    pub fn documented_length(mut self, min: Option<usize>, max: usize) -> Self {
        self.documented_length = (min, Some(max));
        self
    }

    /// Describes the form as a regular expression.
    pub fn documented_pattern(mut self, pattern: &'static str) -> Self {
        self.documented_pattern = Some(pattern);
        self
    }

    /// Describes the form as a format of JSON Schema.
    pub fn documented_format(mut self, format: KnownFormat) -> Self {
        self.documented_format = Some(format);
        self
    }
}

impl ValueRule for TextRule {
    type Value = String;
    const TYPE: &'static str = "string";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
        let Value::String(text) = value else {
            match self.type_message {
                Some(message) => problems.add(path, message),
                None => problems.add_type(path, Self::TYPE, Some(value)),
            }
            return None;
        };
        let text = if self.trimmed { text.trim() } else { text };
        if text.is_empty() && self.not_empty {
            problems.add(path, "Too small: expected string to have >=1 characters");
            return None;
        }
        if text.contains('\0') && !self.allows_nul {
            problems.add(path, "Invalid input: expected string without U+0000");
            return None;
        }
        if let Some(max) = self.max.filter(|max| is_longer(text, *max)) {
            let problem = format!("Too big: expected string to have <={max} characters");
            problems.add(path, &problem);
            return None;
        }
        if let Some((holds, message)) = self.form
            && !holds(text)
        {
            problems.add(path, message);
            return None;
        }
        Some(text.to_owned())
    }

    fn report_missing(&self, path: &str, problems: &mut Problems) {
        match self.type_message {
            Some(message) => problems.add(path, message),
            None => problems.add_type(path, Self::TYPE, None),
        }
    }

    fn schema(&self) -> Schema {
        let (min, max) = self.documented_length;
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(min.or(self.not_empty.then_some(1)))
            .max_length(max.or(self.max))
            .pattern(self.documented_pattern)
            .format(
                self.documented_format
                    .clone()
                    .map(SchemaFormat::KnownFormat),
            )
            .into()
    }
}

/// Returns whether the text has more Unicode scalar values than that, without counting all of a long one.
pub fn is_longer(text: &str, max: usize) -> bool {
    text.len() > max && text.chars().nth(max).is_some()
}

/// A list of texts.
pub fn texts() -> TextsRule {
    TextsRule::default()
}

/// See [`texts`].
#[derive(Clone, Default)]
pub struct TextsRule {
    max_items: Option<usize>,
    item: TextRule,
}

impl TextsRule {
    /// Accepts at most that many items.
    pub fn max_items(mut self, max: usize) -> Self {
        self.max_items = Some(max);
        self
    }

    /// Accepts items of at most that many Unicode scalar values.
    pub fn max(mut self, max: usize) -> Self {
        self.item = self.item.max(max);
        self
    }
}

impl ValueRule for TextsRule {
    type Value = Vec<String>;
    const TYPE: &'static str = "array";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let Value::Array(items) = value else {
            problems.add_type(path, Self::TYPE, Some(value));
            return None;
        };
        // The items of a list that is too long are not validated.
        if let Some(max) = self.max_items.filter(|max| items.len() > *max) {
            let problem = format!("Too big: expected array to have <={max} items");
            problems.add(path, &problem);
            return None;
        }
        let texts = items.iter().enumerate().filter_map(|(index, item)| {
            let path = format!("{path}.{index}");
            self.item.check(item, &path, problems)
        });
        Some(texts.collect())
    }

    fn schema(&self) -> Schema {
        describe::list(self.item.schema(), self.max_items)
    }
}
