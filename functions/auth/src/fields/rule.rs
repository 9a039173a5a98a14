//! The trait of rules. A rule validates a value and describes it.

use serde_json::Value;
use shared::http::describe::{self, Property, Schema};

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
