//! Reads the fields of a body or a query. One call per field validates the field, in the messages of Better Auth's
//! validator, and describes it for the OpenAPI document.
#![expect(
    clippy::needless_pass_by_value,
    reason = "a rule is built for the call that takes it"
)]

mod identity;
mod problems;
mod record;
mod rule;
mod scalar;
#[cfg(test)]
mod tests;
mod text;

use serde_json::{Map, Value};
use shared::http::describe::{self, Property, Recorder};

pub use identity::{RoleNamesRule, any_id, role_names};
pub use problems::{Problems, type_of};
pub use record::{json, record};
pub use rule::ValueRule;
pub use scalar::{boolean, number};
pub use text::{TextRule, is_longer, text, texts};

/// Form of a whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// An object.
    Object,
    /// An object of any fields. The validator has a type of its own for it.
    Record,
    /// An object in one of several forms. The validator names no field.
    Union,
    /// An object, or no body.
    Optional,
}

/// A body of a request. Its one function validates the body and describes it.
pub trait AuthBody: Sized {
    /// Name of the schema in the OpenAPI document.
    const NAME: &'static str = "";
    /// Description of the schema.
    const ABOUT: &'static str = "";
    /// Form of the whole body.
    const FORM: BodyForm = BodyForm::Object;
    /// Accepted media types.
    const MEDIA_TYPES: &'static [&'static str] = &["application/json"];

    /// Reads all fields, in the order of the validator's schema. The value is used only if there are no problems.
    fn read(fields: &mut Fields<'_>) -> Self;
}

/// Returns the described fields of a body.
pub fn describe<T: AuthBody>() -> Vec<Property> {
    describe_with(T::read)
}

/// Returns the fields that a function describes.
pub fn describe_with<T>(read: impl Fn(&mut Fields<'_>) -> T) -> Vec<Property> {
    let values = Map::new();
    let mut fields = Fields {
        recorder: Recorder::on(),
        ..Fields::new("", &values)
    };
    read(&mut fields);
    fields.recorder.into_properties()
}

/// The fields of a body or a query, and the problems found so far.
pub struct Fields<'v> {
    values: &'v Map<String, Value>,
    path: String,
    problems: Problems,
    recorder: Recorder,
}

impl<'v> Fields<'v> {
    /// `part` is `body` or `query`.
    pub fn new(part: &str, values: &'v Map<String, Value>) -> Self {
        Self {
            values,
            path: part.to_owned(),
            problems: Problems::default(),
            recorder: Recorder::default(),
        }
    }

    /// Returns the problems, in the order in which the fields were read.
    pub fn into_problems(self) -> Vec<String> {
        self.problems.into_messages()
    }

    /// Returns whether a field was rejected.
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Returns the value as it was sent; `None` for a missing field.
    pub fn raw(&self, name: &str) -> Option<&'v Value> {
        self.values.get(name)
    }

    /// Returns all names, for schemas that reject unknown fields.
    pub fn names(&self) -> impl Iterator<Item = &'v str> {
        self.values.keys().map(String::as_str)
    }

    /// Reports a problem of one field.
    pub fn reject(&mut self, name: &str, problem: &str) {
        let path = self.path_of(name);
        self.problems.add(&path, problem);
    }

    /// Reports the whole part as invalid, instead of its fields.
    pub fn reject_all(&mut self) {
        self.problems.replace(&self.path, "Invalid input");
    }

    /// Reports a value of the wrong type.
    pub fn expected(&mut self, name: &str, expected: &str, received: Option<&Value>) {
        let path = self.path_of(name);
        self.problems.add_type(&path, expected, received);
    }

    /// Reads a field that must be there.
    pub fn required<R: ValueRule<Value: Default>>(
        &mut self,
        name: &'static str,
        rule: R,
    ) -> R::Value {
        self.recorder.record(|| Property {
            required: true,
            ..rule.property(name)
        });
        if let Some(value) = self.raw(name) {
            self.check(name, value, &rule).unwrap_or_default()
        } else {
            let path = self.path_of(name);
            rule.report_missing(&path, &mut self.problems);
            R::Value::default()
        }
    }

    /// Reads a field that may be missing.
    pub fn optional<R: ValueRule>(&mut self, name: &'static str, rule: R) -> Option<R::Value> {
        self.recorder.record(|| rule.property(name));
        self.check(name, self.raw(name)?, &rule)
    }

    /// Reads a field that may be missing, and does not describe it: it has no effect, or exists for servers.
    pub fn undocumented<R: ValueRule>(&mut self, name: &str, rule: R) -> Option<R::Value> {
        self.check(name, self.raw(name)?, &rule)
    }

    /// Describes a field that the handler reads itself.
    pub fn documented<R: ValueRule>(&mut self, name: &'static str, rule: R) {
        self.recorder.record(|| rule.property(name));
    }

    /// Describes a required field that is read in another way.
    pub fn documented_as_required<R: ValueRule>(&mut self, name: &'static str, rule: R) {
        self.recorder.record(|| Property {
            required: true,
            ..rule.property(name)
        });
    }

    /// Reads a field of one of several texts, as the value beside the text.
    pub fn one_of<T: Copy>(&mut self, name: &str, options: &[(&str, T)]) -> Option<T> {
        let value = self.raw(name)?;
        let known = options.iter().find(|(option, _)| value == *option);
        if known.is_none() {
            let names: Vec<String> = options.iter().map(|(o, _)| format!("\"{o}\"")).collect();
            let problem = format!("Invalid option: expected one of {}", names.join("|"));
            self.reject(name, &problem);
        }
        known.map(|(_, value)| *value)
    }

    /// Reads an object whose fields have rules.
    pub fn object<T>(
        &mut self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        self.recorder.record(|| {
            Property::new(name, describe::object_of(describe_with(&read), "")).about(about)
        });
        self.undocumented_object(name, read)
    }

    /// Reads an object whose fields have rules, and does not describe it.
    pub fn undocumented_object<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let value = self.raw(name)?;
        let Value::Object(object) = value else {
            self.expected(name, "object", Some(value));
            return None;
        };
        let mut fields = Fields {
            values: object,
            path: self.path_of(name),
            problems: std::mem::take(&mut self.problems),
            recorder: Recorder::default(),
        };
        let value = read(&mut fields);
        self.problems = fields.problems;
        Some(value)
    }

    fn check<R: ValueRule>(&mut self, name: &str, value: &Value, rule: &R) -> Option<R::Value> {
        let path = self.path_of(name);
        rule.check(value, &path, &mut self.problems)
    }

    fn path_of(&self, name: &str) -> String {
        format!("{}.{}", self.path, problems::clean(name))
    }
}
