//! Bodies and queries read field by field, so that every failing rule of every field is reported in one answer, in the
//! words of class-validator 0.14.

use chrono::Datelike;
use serde_json::{Map, Value};

use crate::time::Timestamp;

/// The fields of a body or a query, and what was wrong with them so far.
pub struct Fields {
    values: Map<String, Value>,
    /// Queries are text, and of a repeated name all values are kept.
    query: bool,
    known: Vec<&'static str>,
    errors: Vec<String>,
}

impl Fields {
    pub(super) fn of_body(values: Map<String, Value>) -> Self {
        Self {
            values,
            query: false,
            known: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Every value of a query is kept, as a list by name.
    pub(super) fn of_query(query: &str) -> Self {
        let mut values = Map::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let list = values
                .entry(name.into_owned())
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(Value::String(value.into_owned()));
            }
        }
        Self {
            values,
            query: true,
            known: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// A text field; say what is asked of it, then end with `required`, `optional` or `nullable`.
    pub fn text(&mut self, name: &'static str) -> Text<'_> {
        Text {
            fields: self,
            name,
            trim: false,
            not_empty: false,
            max: None,
            rules: Vec::new(),
        }
    }

    /// A list of texts; of a query the repeated name.
    pub fn list(&mut self, name: &'static str) -> List<'_> {
        List {
            fields: self,
            name,
            max_items: None,
            element: Element {
                trim: false,
                form: None,
                not_empty: false,
                max: None,
                rules: Vec::new(),
            },
        }
    }

    /// A whole number within the bounds; `None` where absent or refused.
    pub fn integer(&mut self, name: &'static str, min: i64, max: i64) -> Option<i64> {
        let value = self.take(name)?;
        let number = match &value {
            Value::Number(number) if !self.query => integer(number),
            Value::String(text) if self.query => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.refuse(format!("{name} must be an integer number"));
            return None;
        };
        if number < min {
            self.refuse(format!("{name} must not be less than {min}"));
        }
        if number > max {
            self.refuse(format!("{name} must not be greater than {max}"));
        }
        Some(number)
    }

    /// `true` or `false`; `None` where absent or refused.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let value = self.take(name)?;
        let boolean = match &value {
            Value::Bool(boolean) if !self.query => Some(*boolean),
            Value::String(text) if self.query => text.parse().ok(),
            _ => None,
        };
        if boolean.is_none() {
            self.refuse(format!("{name} must be a boolean value"));
        }
        boolean
    }

    /// One of the given words; `None` where absent or refused.
    pub fn one_of<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.take(name)?;
        let chosen = choices
            .iter()
            .find(|(word, _)| value.as_str() == Some(*word));
        if chosen.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.refuse(format!(
                "{name} must be one of the following values: {}",
                words.join(", ")
            ));
        }
        chosen.map(|(_, choice)| *choice)
    }

    /// An ISO 8601 date or date-time; `None` where absent or refused.
    pub fn date(&mut self, name: &'static str) -> Option<Timestamp> {
        let value = self.take(name)?;
        // The years of ISO 8601; PostgreSQL knows fewer than chrono does.
        let date = value
            .as_str()
            .filter(|text| has_iso_form(text))
            .and_then(|text| text.parse().ok())
            .filter(|date: &Timestamp| (0..=9999).contains(&date.0.year()));
        if date.is_none() {
            self.refuse(format!("{name} must be a valid ISO 8601 date string"));
        }
        date
    }

    /// Whether the request has the field at all, `null` included.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Reports a failing rule in its own words.
    pub fn refuse(&mut self, message: impl Into<String>) {
        let message = message.into();
        if !self.errors.contains(&message) {
            self.errors.push(message);
        }
    }

    /// The messages of all failing rules; unknown properties of a body are refused, of a query ignored.
    pub(super) fn finish(mut self) -> Result<(), Vec<String>> {
        if self.query {
            for (name, value) in std::mem::take(&mut self.values) {
                if has_nul(&value) || name.contains('\0') {
                    self.refuse(format!("{} must not contain NUL characters", clean(&name)));
                }
            }
        } else {
            for (name, value) in std::mem::take(&mut self.values) {
                if !self.known.contains(&name.as_str()) {
                    self.refuse(format!("property {} should not exist", clean(&name)));
                } else if has_nul(&value) {
                    self.refuse(format!("{name} must not contain NUL characters"));
                }
            }
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.errors)
        }
    }

    /// What is wrong with a query whoever reads it.
    pub(super) fn check_query(query: &str) -> Result<(), Vec<String>> {
        if query.contains("%00") {
            Self::of_query(query).finish()
        } else {
            Ok(())
        }
    }

    /// The field's value, marked as known; of a repeated query name the last.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        match self.values.get(name)? {
            Value::Array(list) if self.query => list.last().cloned(),
            value => Some(value.clone()),
        }
    }
}

/// Whether each digit, dash, `T` and colon stands where ISO 8601 wants it; chrono also takes `2025-1-5`, blanks and signs.
fn has_iso_form(text: &str) -> bool {
    text.len() >= 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 => byte == b':',
            0..=15 => byte.is_ascii_digit(),
            _ => true,
        })
}

/// A name as it may be repeated to the client.
fn clean(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(map) => map
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// JavaScript's integers: `5` and `5.0` are the same number.
fn integer(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    })
}

/// A rule in the caller's own words: what must hold, and the message where it does not.
type Rule = (fn(&str) -> bool, String);

/// A text field being described.
pub struct Text<'f> {
    fields: &'f mut Fields,
    name: &'static str,
    trim: bool,
    not_empty: bool,
    max: Option<usize>,
    rules: Vec<Rule>,
}

impl Text<'_> {
    /// White space at both ends is dropped before the rules are looked at.
    pub fn trimmed(mut self) -> Self {
        self.trim = true;
        self
    }

    /// Neither empty nor blank.
    pub fn not_empty(mut self) -> Self {
        self.not_empty = true;
        self
    }

    /// At most that many Unicode scalar values.
    pub fn max(mut self, max: usize) -> Self {
        self.max = Some(max);
        self
    }

    /// A rule of its own, with the words that follow the field's name in the message.
    pub fn rule(mut self, holds: fn(&str) -> bool, words: &str) -> Self {
        self.rules.push((holds, format!("{} {words}", self.name)));
        self
    }

    /// The text; missing and `null` are refused.
    pub fn required(self) -> String {
        let value = self.fields.take(self.name).unwrap_or(Value::Null);
        self.check(&value).unwrap_or_default()
    }

    /// The text where it is there; `null` is refused.
    pub fn optional(self) -> Option<String> {
        let value = self.fields.take(self.name)?;
        self.check(&value)
    }

    /// The text where it is there, and `Some(None)` for `null`.
    pub fn nullable(self) -> Option<Option<String>> {
        let value = self.fields.take(self.name)?;
        if value.is_null() {
            return Some(None);
        }
        self.check(&value).map(Some)
    }

    fn check(self, value: &Value) -> Option<String> {
        let mut errors = Vec::new();
        let text = check(
            value,
            self.name,
            self.trim,
            self.not_empty,
            self.max,
            &self.rules,
            &mut errors,
        );
        for error in errors {
            self.fields.refuse(error);
        }
        text
    }
}

/// A list of texts being described.
pub struct List<'f> {
    fields: &'f mut Fields,
    name: &'static str,
    max_items: Option<usize>,
    element: Element,
}

struct Element {
    trim: bool,
    form: Option<fn(&str) -> String>,
    not_empty: bool,
    max: Option<usize>,
    rules: Vec<Rule>,
}

impl List<'_> {
    /// At most that many elements.
    pub fn max_items(mut self, max: usize) -> Self {
        self.max_items = Some(max);
        self
    }

    /// White space at both ends of each element is dropped before the rules are looked at.
    pub fn trimmed(mut self) -> Self {
        self.element.trim = true;
        self
    }

    /// Each element is brought into this form before the rules are looked at, and kept in it.
    pub fn in_form(mut self, form: fn(&str) -> String) -> Self {
        self.element.form = Some(form);
        self
    }

    /// No element is empty or blank.
    pub fn not_empty(mut self) -> Self {
        self.element.not_empty = true;
        self
    }

    /// At most that many Unicode scalar values in each element.
    pub fn max(mut self, max: usize) -> Self {
        self.element.max = Some(max);
        self
    }

    /// A rule of its own for each element, with the words that follow the field's name in the message.
    pub fn rule(mut self, holds: fn(&str) -> bool, words: &str) -> Self {
        self.element
            .rules
            .push((holds, format!("each value in {} {words}", self.name)));
        self
    }

    /// The elements where the field is there; `null` is refused.
    pub fn optional(self) -> Option<Vec<String>> {
        let name = self.name;
        self.fields.known.push(name);
        let value = self.fields.values.get(name)?.clone();
        let Value::Array(values) = value else {
            self.fields.refuse(format!("{name} must be an array"));
            return None;
        };
        if let Some(max) = self.max_items
            && values.len() > max
        {
            self.fields
                .refuse(format!("{name} must contain no more than {max} elements"));
        }
        let Element {
            trim,
            form,
            not_empty,
            max,
            rules,
        } = self.element;
        let label = format!("each value in {name}");
        let mut errors = Vec::new();
        let texts = values
            .iter()
            .filter_map(|value| {
                let formed: Option<Value> = form
                    .zip(value.as_str())
                    .map(|(form, text)| form(text).into());
                let value = formed.as_ref().unwrap_or(value);
                check(value, &label, trim, not_empty, max, &rules, &mut errors)
            })
            .collect();
        for error in errors {
            self.fields.refuse(error);
        }
        Some(texts)
    }
}

fn check(
    value: &Value,
    label: &str,
    trim: bool,
    not_empty: bool,
    max: Option<usize>,
    rules: &[Rule],
    errors: &mut Vec<String>,
) -> Option<String> {
    let text = value
        .as_str()
        .map(|text| if trim { text.trim() } else { text });
    let before = errors.len();
    if text.is_none() {
        errors.push(format!("{label} must be a string"));
    }
    let blank = text.map_or(value.is_null(), |text| text.trim().is_empty());
    if not_empty && blank {
        errors.push(format!("{label} should not be empty"));
    }
    if let Some(max) = max
        && text.is_none_or(|text| text.chars().count() > max)
    {
        errors.push(format!(
            "{label} must be shorter than or equal to {max} characters"
        ));
    }
    if let Some(text) = text
        && !(not_empty && blank)
    {
        errors.extend(
            rules
                .iter()
                .filter(|(holds, _)| !holds(text))
                .map(|(_, words)| words.clone()),
        );
    }
    (errors.len() == before).then(|| text.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> Fields {
        let Value::Object(map) = value else {
            panic!("a body is an object")
        };
        Fields::of_body(map)
    }

    #[test]
    fn every_failing_rule_of_every_field_is_reported() {
        let mut fields = body(json!({"bio": 5, "skills": ["", 7], "isPro": true}));
        let _ = fields.text("title").not_empty().max(200).required();
        let _ = fields.text("bio").max(500).nullable();
        let _ = fields.list("skills").max_items(1).not_empty().optional();

        let mut errors = fields.finish().unwrap_err();
        errors.sort();
        assert_eq!(
            errors,
            [
                "bio must be a string",
                "bio must be shorter than or equal to 500 characters",
                "each value in skills must be a string",
                "each value in skills should not be empty",
                "property isPro should not exist",
                "skills must contain no more than 1 elements",
                "title must be a string",
                "title must be shorter than or equal to 200 characters",
                "title should not be empty",
            ]
        );
    }

    #[test]
    fn absent_and_null_differ() {
        let mut fields = body(json!({"bio": null}));
        assert_eq!(fields.text("bio").nullable(), Some(None));
        assert_eq!(fields.text("website").nullable(), None);
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn lengths_count_unicode_scalar_values() {
        let mut fields = body(json!({"a": "🦀🦀", "b": "🦀🦀🦀"}));
        assert_eq!(fields.text("a").max(2).optional().as_deref(), Some("🦀🦀"));
        assert_eq!(fields.text("b").max(2).optional(), None);
        assert_eq!(
            fields.finish().unwrap_err(),
            ["b must be shorter than or equal to 2 characters"]
        );
    }

    #[test]
    fn nul_is_refused_anywhere() {
        let mut fields = body(json!({"a": "x\0", "b": {"c\0": 1}}));
        let _ = fields.text("a").optional();

        let errors = fields.finish().unwrap_err();
        assert!(errors.contains(&"a must not contain NUL characters".to_owned()));
        assert!(errors.contains(&"property b should not exist".to_owned()));
    }

    #[test]
    fn of_a_repeated_query_name_the_last_wins_or_all_are_kept() {
        let mut fields = Fields::of_query("limit=1&limit=2&tag=a&tag=b&other=x");
        assert_eq!(fields.integer("limit", 1, 100), Some(2));
        assert_eq!(fields.list("tag").optional().unwrap(), ["a", "b"]);
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn dates_have_the_form_of_iso_8601() {
        for (text, good) in [
            ("2025-01-15", true),
            ("2025-01-15T10:30Z", true),
            ("2025-01-15T10:30:00.123Z", true),
            ("2025-01-15T10:30:00%2B02:00", true),
            ("2025-1-15", false),
            ("2025-01-15T1:30:00Z", false),
            ("2025-01-15 10:30:00Z", false),
            ("+2025-01-15", false),
            ("%2B2025-01-1", false),
            ("12025-01-15", false),
            ("2025-02-29", false),
            ("2025-01-15T25:00:00Z", false),
            ("2025", false),
        ] {
            let mut fields = Fields::of_query(&format!("at={text}"));
            assert_eq!(fields.date("at").is_some(), good, "{text}");
        }
    }

    #[test]
    fn numbers_and_words_are_bounded() {
        let mut fields = Fields::of_query("limit=101&sort=best&isPublic=yes");
        let _ = fields.integer("limit", 1, 100);
        let _ = fields.one_of("sort", &[("newest", 1), ("likes", 2)]);
        let _ = fields.boolean("isPublic");
        assert_eq!(
            fields.finish().unwrap_err(),
            [
                "limit must not be greater than 100",
                "sort must be one of the following values: newest, likes",
                "isPublic must be a boolean value",
            ]
        );
    }
}
