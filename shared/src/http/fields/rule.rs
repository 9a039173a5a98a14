//! What may be asked of a field as a whole: whether it may be absent or null, and what the value is then.

use serde_json::Value;

use super::Field;
use crate::http::describe::{self, Property, Schema};

/// All rules of one field, which read it and describe it.
pub trait Rule: Sized {
    /// What the handler gets.
    type Value;

    /// Reads the field; failing rules are reported to `field`. `None` where the request does not have it.
    fn read(self, value: Option<Value>, field: Field<'_>) -> Self::Value;

    /// Describes the field.
    fn property(&self, name: &'static str) -> Property;

    /// Says in the OpenAPI document what the field is for.
    fn about(self, text: &'static str) -> About<Self> {
        About { rule: self, text }
    }

    /// Changes the value after it has been read.
    fn map<T>(self, change: fn(Self::Value) -> T) -> Mapped<Self, T> {
        Mapped { rule: self, change }
    }
}

/// What is asked of a field's value.
pub trait Check: Sized {
    /// What a good value becomes.
    type Output;

    /// Checks a value; failing rules are reported to `field`, and `None` is returned then.
    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<Self::Output>;

    /// Describes good values.
    fn schema(&self) -> Schema;

    /// Of a repeated name in a query, whether all values are checked together instead of the last alone.
    const TAKES_LISTS: bool = false;

    /// The field must be there.
    fn required(self) -> Required<Self> {
        Required(self)
    }

    /// The field may be absent; `null` is rejected.
    fn optional(self) -> Optional<Self> {
        Optional(self)
    }

    /// The field may be absent, and may be `null`, which is `Some(None)`.
    fn nullable(self) -> Nullable<Self> {
        Nullable(self)
    }

    /// The field may be absent, which is the default; `null` is rejected.
    fn or(self, default: Self::Output) -> WithDefault<Self> {
        WithDefault(self, default)
    }

    /// The field may be absent or `null`, which mean the same.
    fn or_null(self) -> OrNull<Self> {
        OrNull(self)
    }

    /// Checks the field's value, of a repeated name in a query the last.
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
        // An inner text comes with rules that several bodies share.
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
