//! Rules for a field as a whole: whether it may be absent or null, and its value in that case.

use serde_json::Value;

use super::Field;
use crate::http::describe::{self, Property, Schema};

/// All rules of one field. They read it and describe it.
pub trait Rule: Sized {
    /// The value for the handler.
    type Value;

    /// Reads the field, and reports failing rules to `field`. `value` is `None` if the request does not have the field.
    fn read(self, value: Option<Value>, field: Field<'_>) -> Self::Value;

    /// Describes the field.
    fn property(&self, name: &'static str) -> Property;

    /// Sets the description in the OpenAPI document.
    fn about(self, text: &'static str) -> About<Self> {
        About { rule: self, text }
    }

    /// Converts the value after it has been read.
    fn map<T>(self, change: fn(Self::Value) -> T) -> Mapped<Self, T> {
        Mapped { rule: self, change }
    }
}

/// Rules for the value of a field.
pub trait Check: Sized {
    /// The type of a valid value.
    type Output;

    /// Validates a value. If rules fail, reports them to `field` and returns `None`.
    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<Self::Output>;

    /// Returns the schema of valid values.
    fn schema(&self) -> Schema;

    /// Whether all values of a repeated name in a query are validated together, instead of the last one alone.
    const TAKES_LISTS: bool = false;

    /// Requires the field.
    fn required(self) -> Required<Self> {
        Required(self)
    }

    /// Allows the field to be absent. `null` is rejected.
    fn optional(self) -> Optional<Self> {
        Optional(self)
    }

    /// Allows the field to be absent or `null`. `null` becomes `Some(None)`.
    fn nullable(self) -> Nullable<Self> {
        Nullable(self)
    }

    /// Allows the field to be absent, in which case the value is the default. `null` is rejected.
    fn or(self, default: Self::Output) -> WithDefault<Self> {
        WithDefault(self, default)
    }

    /// Allows the field to be absent or `null`, which have the same meaning.
    fn or_null(self) -> OrNull<Self> {
        OrNull(self)
    }

    /// Validates the field's value. Of a repeated name in a query, this is the last value.
    #[doc(hidden)]
    fn check_field(&self, mut value: Value, field: &mut Field<'_>) -> Option<Self::Output> {
        if field.is_of_query()
            && !Self::TAKES_LISTS
            && let Value::Array(values) = &mut value
        {
            value = values.pop().unwrap_or_default();
        }
        self.check(&value, field)
    }
}

/// See [`Check::required`].
pub struct Required<C>(C);
/// See [`Check::optional`].
pub struct Optional<C>(C);
/// See [`Check::nullable`].
pub struct Nullable<C>(C);
/// See [`Check::or`].
pub struct WithDefault<C: Check>(C, C::Output);
/// See [`Check::or_null`].
pub struct OrNull<C>(C);

impl<C: Check<Output: Default>> Rule for Required<C> {
    type Value = C::Output;

    fn read(self, value: Option<Value>, mut field: Field<'_>) -> Self::Value {
        self.0
            .check_field(value.unwrap_or_default(), &mut field)
            .unwrap_or_default()
    }

    fn property(&self, name: &'static str) -> Property {
        Property {
            required: true,
            ..Property::new(name, self.0.schema())
        }
    }
}

impl<C: Check> Rule for Optional<C> {
    type Value = Option<C::Output>;

    fn read(self, value: Option<Value>, mut field: Field<'_>) -> Self::Value {
        self.0.check_field(value?, &mut field)
    }

    fn property(&self, name: &'static str) -> Property {
        Property::new(name, self.0.schema())
    }
}

impl<C: Check> Rule for Nullable<C> {
    type Value = Option<Option<C::Output>>;

    fn read(self, value: Option<Value>, mut field: Field<'_>) -> Self::Value {
        match value? {
            Value::Null => Some(None),
            value => self.0.check_field(value, &mut field).map(Some),
        }
    }

    fn property(&self, name: &'static str) -> Property {
        Property::new(name, describe::nullable(self.0.schema()))
    }
}

impl<C: Check> Rule for WithDefault<C> {
    type Value = C::Output;

    fn read(self, value: Option<Value>, mut field: Field<'_>) -> Self::Value {
        value
            .and_then(|value| self.0.check_field(value, &mut field))
            .unwrap_or(self.1)
    }

    fn property(&self, name: &'static str) -> Property {
        Property::new(name, self.0.schema())
    }
}

impl<C: Check> Rule for OrNull<C> {
    type Value = Option<C::Output>;

    fn read(self, value: Option<Value>, mut field: Field<'_>) -> Self::Value {
        match value? {
            Value::Null => None,
            value => self.0.check_field(value, &mut field),
        }
    }

    fn property(&self, name: &'static str) -> Property {
        Property::new(name, describe::nullable(self.0.schema()))
    }
}

/// See [`Rule::about`].
pub struct About<R> {
    rule: R,
    text: &'static str,
}

impl<R: Rule> Rule for About<R> {
    type Value = R::Value;

    fn read(self, value: Option<Value>, field: Field<'_>) -> Self::Value {
        self.rule.read(value, field)
    }

    fn property(&self, name: &'static str) -> Property {
        let property = self.rule.property(name);
        // Rules that several bodies share may have a description already.
        if property.about.is_empty() {
            property.about(self.text.trim())
        } else {
            property
        }
    }
}

/// See [`Rule::map`].
pub struct Mapped<R: Rule, T> {
    rule: R,
    change: fn(R::Value) -> T,
}

impl<R: Rule, T> Rule for Mapped<R, T> {
    type Value = T;

    fn read(self, value: Option<Value>, field: Field<'_>) -> T {
        (self.change)(self.rule.read(value, field))
    }

    fn property(&self, name: &'static str) -> Property {
        self.rule.property(name)
    }
}
