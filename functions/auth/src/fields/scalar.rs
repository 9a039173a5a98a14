//! Rules of booleans and numbers.

use serde_json::Value;
use shared::http::describe::{self, Schema};
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, schema::Type};

use super::{problems::Problems, rule::ValueRule};

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
