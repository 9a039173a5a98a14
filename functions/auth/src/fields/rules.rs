//! Rules of single values. A rule validates a value and describes it.

use serde_json::{Map, Value};
use shared::http::describe::{self, Property, Schema};
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, SchemaFormat,
    schema::{OneOfBuilder, Type},
};

use super::problems::Problems;

/// A rule of a value.
pub trait ValueRule: Sized {
    /// The accepted value.
    type Value;
    /// The type's name in the validator's message about a missing value.
    const TYPE: &'static str;

    /// Returns the value if it is accepted, and reports problems otherwise.
    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Self::Value>;

    /// Reports that a required field is missing.
    fn report_missing(&self, path: &str, problems: &mut Problems) {
        problems.add_type(path, Self::TYPE, None);
    }

    /// Describes accepted values.
    fn schema(&self) -> Schema;

    /// Describes a field of the rule.
    fn property(&self, name: &'static str) -> Property {
        Property::new(name, self.schema())
    }

    /// Sets the description of the field.
    fn about(self, about: &'static str) -> Described<Self> {
        Described { rule: self, about }
    }

    /// Accepts null too.
    fn or_null(self) -> OrNull<Self> {
        OrNull(self)
    }
}

/// See [`ValueRule::or_null`].
pub struct OrNull<R>(R);

impl<R: ValueRule> ValueRule for OrNull<R> {
    type Value = Option<R::Value>;
    const TYPE: &'static str = R::TYPE;

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Self::Value> {
        if value.is_null() {
            Some(None)
        } else {
            self.0.check(value, path, problems).map(Some)
        }
    }

    fn schema(&self) -> Schema {
        describe::nullable(self.0.schema())
    }
}

/// See [`ValueRule::about`].
pub struct Described<R> {
    rule: R,
    about: &'static str,
}

impl<R: ValueRule> ValueRule for Described<R> {
    type Value = R::Value;
    const TYPE: &'static str = R::TYPE;

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<R::Value> {
        self.rule.check(value, path, problems)
    }

    fn report_missing(&self, path: &str, problems: &mut Problems) {
        self.rule.report_missing(path, problems);
    }

    fn schema(&self) -> Schema {
        self.rule.schema()
    }

    fn property(&self, name: &'static str) -> Property {
        self.rule.property(name).about(self.about)
    }
}

/// A text without U+0000, which PostgreSQL cannot store.
pub fn text() -> TextRule {
    TextRule::default()
}

/// A condition, and the message for texts that do not meet it.
type TextForm = (fn(&str) -> bool, &'static str);

/// See [`text`].
#[derive(Clone, Default)]
pub struct TextRule {
    max: Option<usize>,
    form: Option<TextForm>,
    type_message: Option<&'static str>,
    allows_nul: bool,
    documented_length: (Option<usize>, Option<usize>),
    documented_pattern: Option<&'static str>,
    documented_format: Option<KnownFormat>,
}

impl TextRule {
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
        Some(text.clone())
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
            .min_length(min)
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

/// `true` or `false`.
pub fn boolean() -> BooleanRule {
    BooleanRule
}

/// See [`boolean`].
pub struct BooleanRule;

impl ValueRule for BooleanRule {
    type Value = bool;
    const TYPE: &'static str = "boolean";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<bool> {
        let boolean = value.as_bool();
        if boolean.is_none() {
            problems.add_type(path, Self::TYPE, Some(value));
        }
        boolean
    }

    fn schema(&self) -> Schema {
        describe::boolean()
    }
}

/// A number.
pub fn number() -> NumberRule {
    NumberRule::default()
}

/// See [`number`].
#[derive(Clone, Copy, Default)]
pub struct NumberRule {
    min: Option<(f64, &'static str)>,
    documented_range: Option<(f64, f64)>,
}

impl NumberRule {
    /// Accepts numbers from `min` on. The message is the validator's.
    pub fn min(mut self, min: f64, message: &'static str) -> Self {
        self.min = Some((min, message));
        self
    }

    /// Describes a range that the handler checks: it has error codes of its own.
    pub fn documented_range(mut self, min: f64, max: f64) -> Self {
        self.documented_range = Some((min, max));
        self
    }
}

impl ValueRule for NumberRule {
    type Value = f64;
    const TYPE: &'static str = "number";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<f64> {
        let number = value.as_f64();
        match (number, self.min) {
            (None, _) => problems.add_type(path, Self::TYPE, Some(value)),
            (Some(number), Some((min, message))) if number < min => problems.add(path, message),
            _ => {}
        }
        number
    }

    fn schema(&self) -> Schema {
        let range = self.documented_range;
        let mut object = ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)));
        if let Some((min, max)) = range {
            object = object
                .minimum(Some(utoipa::Number::Float(min)))
                .maximum(Some(utoipa::Number::Float(max)));
        }
        object.into()
    }
}

/// A list of texts.
pub fn texts() -> TextsRule {
    TextsRule::default()
}

/// See [`texts`].
#[derive(Clone, Copy, Default)]
pub struct TextsRule {
    max_items: Option<usize>,
    max_length: Option<usize>,
}

impl ValueRule for TextsRule {
    type Value = Vec<String>;
    const TYPE: &'static str = "array";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let Value::Array(items) = value else {
            problems.add_type(path, Self::TYPE, Some(value));
            return None;
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.clone()),
                other => problems.add_type(&format!("{path}.{index}"), "string", Some(other)),
            }
        }
        Some(texts)
    }

    fn schema(&self) -> Schema {
        describe::list(describe::text(None, self.max_length), self.max_items)
    }
}

/// An object of any fields.
pub fn record() -> RecordRule {
    RecordRule::default()
}

/// See [`record`].
#[derive(Clone, Copy, Default)]
pub struct RecordRule {
    fields: Option<fn() -> Vec<Property>>,
}

impl RecordRule {
    /// Describes the fields, which the handler reads.
    pub fn documented_fields(mut self, fields: fn() -> Vec<Property>) -> Self {
        self.fields = Some(fields);
        self
    }
}

impl ValueRule for RecordRule {
    type Value = Map<String, Value>;
    const TYPE: &'static str = "record";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Self::Value> {
        let Value::Object(object) = value else {
            problems.add_type(path, Self::TYPE, Some(value));
            return None;
        };
        Some(object.clone())
    }

    fn schema(&self) -> Schema {
        self.fields
            .map_or_else(describe::object, |fields| describe::object_of(fields(), ""))
    }
}

/// Any JSON, which is described as an object or null. The handler rejects other types: they have an error code of their
/// own.
pub fn json() -> JsonRule {
    JsonRule
}

/// See [`json`].
#[derive(Clone, Copy)]
pub struct JsonRule;

impl ValueRule for JsonRule {
    type Value = Value;
    const TYPE: &'static str = "record";

    fn check(&self, value: &Value, _: &str, _: &mut Problems) -> Option<Value> {
        Some(value.clone())
    }

    fn schema(&self) -> Schema {
        describe::nullable(describe::object())
    }
}

/// An id. As JavaScript's `String` does, it turns every value into a text.
pub fn any_id() -> AnyIdRule {
    AnyIdRule
}

/// See [`any_id`].
pub struct AnyIdRule;

impl ValueRule for AnyIdRule {
    type Value = String;
    const TYPE: &'static str = "nonoptional";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
        match value {
            Value::String(_) => text().check(value, path, problems),
            Value::Object(_) | Value::Array(_) => Some("[object Object]".to_owned()),
            other => Some(other.to_string()),
        }
    }

    fn schema(&self) -> Schema {
        describe::text(None, None)
    }
}

/// A role or a list of roles, as the one text that is stored.
pub fn role_names() -> RoleNamesRule {
    RoleNamesRule
}

/// See [`role_names`].
#[derive(Clone, Copy)]
pub struct RoleNamesRule;

impl RoleNamesRule {
    /// Returns the roles separated by commas; `None` for anything but a text or a list of texts.
    pub fn join(value: &Value) -> Option<String> {
        let text = |value: &Value| {
            let text = value.as_str()?;
            (!text.contains('\0')).then(|| text.to_owned())
        };
        match value {
            Value::Array(roles) => {
                let roles: Option<Vec<String>> = roles.iter().map(text).collect();
                Some(roles?.join(","))
            }
            other => text(other),
        }
    }
}

impl ValueRule for RoleNamesRule {
    type Value = String;
    const TYPE: &'static str = "string";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
        let roles = Self::join(value);
        if roles.is_none() {
            problems.add(path, "Invalid input");
        }
        roles
    }

    fn report_missing(&self, path: &str, problems: &mut Problems) {
        problems.add(path, "Invalid input");
    }

    fn schema(&self) -> Schema {
        OneOfBuilder::new()
            .item(describe::text(None, None))
            .item(describe::list(describe::text(None, None), None))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_joined() {
        assert_eq!(RoleNamesRule::join(&json!("a,b")).as_deref(), Some("a,b"));
        let list = json!(["a", "b"]);
        assert_eq!(RoleNamesRule::join(&list).as_deref(), Some("a,b"));
        for bad in [json!(1), json!(null), json!(["a", 1]), json!("\0")] {
            assert_eq!(RoleNamesRule::join(&bad), None, "{bad}");
        }
    }
}
