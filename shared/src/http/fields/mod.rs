//! Bodies and queries, read field by field. One response reports every failing rule of every field, with the messages of
//! class-validator 0.14.
//!
//! The rules of a field are a value, such as `text().max(500).nullable()`. This value validates requests and describes
//! the field in the OpenAPI document, so the two always agree.

mod column;
mod field;
mod rule;
mod scalar;
mod text;

use serde_json::{Map, Value};

use self::field::Failures;
pub use self::{
    column::column,
    field::Field,
    rule::{Check, Rule},
    scalar::{boolean, date, date_time, integer, one_of},
    text::{Text, Texts, text, texts},
};
use super::describe::{self, Property, Recorder, Schema};

/// Maximum number of properties of a body.
const MAX_PROPERTIES: usize = 100;

/// A type that is read from the fields of a body or a query. It is usually declared with [`fields!`](crate::fields).
/// Failing rules are reported to `fields`, and the value is used only if no rule fails.
pub trait FromFields: Sized {
    /// Description of the body in the OpenAPI document.
    const ABOUT: &str = "";

    /// Reads and validates all fields.
    fn from_fields(fields: &mut Fields) -> Self;
}

/// The fields of a body or a query, and the rules that fail so far.
#[derive(Default)]
pub struct Fields {
    values: Map<String, Value>,
    /// Values of a query are texts, and all values of a repeated name are kept.
    from_query: bool,
    known: Vec<&'static str>,
    failures: Failures,
    recorder: Recorder,
}

impl Fields {
    pub(super) fn of_body(values: Map<String, Value>) -> Self {
        Self {
            values,
            ..Self::default()
        }
    }

    /// Collects all values of a query in a list by name.
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
            from_query: true,
            ..Self::default()
        }
    }

    /// Returns the properties that `T` reads, in order, with the rules of each.
    pub(super) fn describe<T: FromFields>() -> Vec<Property> {
        let mut fields = Self {
            recorder: Recorder::on(),
            ..Self::default()
        };
        T::from_fields(&mut fields);
        fields.recorder.into_properties()
    }

    /// Returns the schema of a row with the fields of `T` as its columns. A row has all columns. Their values may break
    /// the rules, which may be stricter than those under which the row was written.
    #[doc(hidden)]
    pub fn row_schema<T: FromFields>() -> Schema {
        let columns = Self::describe::<T>().into_iter().map(Property::into_column);
        describe::object_of(columns.collect(), "")
    }

    /// Reads a field and validates it with the rules.
    pub fn read<R: Rule>(&mut self, name: &'static str, rule: R) -> R::Value {
        self.recorder.record(|| rule.property(name));
        self.known.push(name);
        let value = self.values.get(name).cloned();
        let field = Field {
            name,
            from_query: self.from_query,
            failures: &mut self.failures,
        };
        rule.read(value, field)
    }

    /// Returns whether the request has the field, even if it is `null`.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Reports a failing rule. The message is complete and contains the field's name.
    pub fn refuse(&mut self, message: impl Into<String>) {
        self.failures.add(message.into());
    }

    /// Returns the messages of all failing rules. Unknown properties of a body fail; those of a query are ignored.
    pub(super) fn finish(mut self) -> Result<(), Vec<String>> {
        let values = std::mem::take(&mut self.values);
        if self.from_query {
            for (name, value) in values {
                if has_nul(&value) || name.contains('\0') {
                    self.refuse(format!("{} must not contain NUL characters", clean(&name)));
                }
            }
        } else if values.len() > MAX_PROPERTIES {
            return Err(vec!["too many properties".to_owned()]);
        } else {
            for (name, value) in values {
                if !self.known.contains(&name.as_str()) {
                    self.refuse(format!("property {} should not exist", clean(&name)));
                } else if has_nul(&value) {
                    self.refuse(format!("{name} must not contain NUL characters"));
                }
            }
        }
        self.failures.into_result()
    }

    /// Rejects NUL characters in a query, which PostgreSQL cannot store, whether or not a handler reads it.
    pub(super) fn check_query(query: &str) -> Result<(), Vec<String>> {
        if query.contains("%00") {
            Self::of_query(query).finish()
        } else {
            Ok(())
        }
    }
}

/// Declares a body or a query as a struct. Each field has its name on the wire and its rules.
///
/// ```ignore
/// fields! {
///     /// Changes of a thing. Absent keeps the value, null clears it.
///     pub struct UpdateThing {
///         /// Markdown.
///         note: Option<Option<String>> = "note", text().max(500).nullable();
///         is_public: Option<bool> = "isPublic", boolean().optional();
///     }
/// }
/// ```
///
/// The doc comments of the struct and its fields are also used in the OpenAPI document.
///
/// With `: Stored` after its name, each field is a column of the same name, and all fields must be `Option`s. The struct is
/// serialised as an object of the fields that the request has. It is deserialised from a row, and then has all fields. Its
/// schema is that of the row.
#[macro_export]
macro_rules! fields {
    (
        $(#[doc = $about:literal])*
        $visible:vis struct $name:ident: Stored {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $type:ty = $key:literal, $rule:expr;
            )*
        }
    ) => {
        $crate::fields! {
            $(#[doc = $about])*
            $visible struct $name {
                $(
                    $(#[doc = $doc])*
                    $field: $type = $key, $rule;
                )*
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(
                    if let Some(value) = &self.$field {
                        map.serialize_entry($key, value)?;
                    }
                )*
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::http::column;

                #[derive(serde::Deserialize)]
                struct Row {
                    $(
                        #[serde(rename = $key, deserialize_with = "column")]
                        $field: $type,
                    )*
                }
                let row = Row::deserialize(deserializer)?;
                Ok(Self {
                    $($field: row.$field,)*
                })
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> $crate::http::describe::Schema {
                $crate::http::Fields::row_schema::<Self>()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
    (
        $(#[doc = $about:literal])*
        $visible:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $type:ty = $key:literal, $rule:expr;
            )*
        }
    ) => {
        $(#[doc = $about])*
        $visible struct $name {
            $(
                $(#[doc = $doc])*
                pub $field: $type,
            )*
        }

        impl $crate::http::FromFields for $name {
            const ABOUT: &str = concat!("" $(, $about, "\n")*);

            fn from_fields(fields: &mut $crate::http::Fields) -> Self {
                use $crate::http::Rule as _;
                Self {
                    $($field: fields.read($key, $rule.about(concat!("" $(, $doc, "\n")*))),)*
                }
            }
        }
    };
}

/// Returns the part of the name that may be repeated to the client.
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
        fields.read("title", text().not_empty().max(200).required());
        fields.read("bio", text().max(500).nullable());
        fields.read("skills", texts().not_empty().optional());

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
                "title must be a string",
                "title must be shorter than or equal to 200 characters",
                "title should not be empty",
            ]
        );
    }

    #[test]
    fn elements_of_a_list_that_is_too_long_are_not_validated() {
        let mut fields = body(json!({"skills": ["", 7]}));
        fields.read("skills", texts().max_items(1).not_empty().optional());

        assert_eq!(
            fields.finish().unwrap_err(),
            ["skills must contain no more than 1 elements"]
        );
    }

    #[test]
    fn properties_and_messages_are_bounded() {
        let many = |count: usize| (0..count).map(|n| (format!("p{n}"), Value::Null)).collect();

        let errors = Fields::of_body(many(101)).finish().unwrap_err();
        assert_eq!(errors, ["too many properties"]);

        let errors = Fields::of_body(many(100)).finish().unwrap_err();
        assert_eq!(errors.len(), 50);
    }

    #[test]
    fn absent_and_null_differ() {
        let mut fields = body(json!({"bio": null}));
        assert_eq!(fields.read("bio", text().max(500).nullable()), Some(None));
        assert_eq!(fields.read("website", text().nullable()), None);
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn lengths_count_unicode_scalar_values() {
        let mut fields = body(json!({"a": "🦀🦀", "b": "🦀🦀🦀"}));
        let a = fields.read("a", text().max(2).optional());
        assert_eq!(a.as_deref(), Some("🦀🦀"));
        assert_eq!(fields.read("b", text().max(2).optional()), None);
        assert_eq!(
            fields.finish().unwrap_err(),
            ["b must be shorter than or equal to 2 characters"]
        );
    }

    #[test]
    fn nul_is_rejected_anywhere() {
        let mut fields = body(json!({"a": "x\0", "b": {"c\0": 1}}));
        fields.read("a", text().optional());

        let errors = fields.finish().unwrap_err();
        assert!(errors.contains(&"a must not contain NUL characters".to_owned()));
        assert!(errors.contains(&"property b should not exist".to_owned()));
    }

    #[test]
    fn a_repeated_query_name_yields_the_last_or_all_values() {
        let mut fields = Fields::of_query("limit=1&limit=2&tag=a&tag=b&other=x");
        assert_eq!(fields.read("limit", integer(1, 100).optional()), Some(2));
        assert_eq!(fields.read("tag", texts().optional()).unwrap(), ["a", "b"]);
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn numbers_and_words_are_bounded() {
        let mut fields = Fields::of_query("limit=101&sort=best&isPublic=yes");
        fields.read("limit", integer(1, 100).or(20));
        fields.read("sort", one_of(&[("newest", 1), ("likes", 2)]).optional());
        fields.read("isPublic", boolean().optional());
        assert_eq!(
            fields.finish().unwrap_err(),
            [
                "limit must not be greater than 100",
                "sort must be one of the following values: newest, likes",
                "isPublic must be a boolean value",
            ]
        );
    }

    crate::fields! {
        /// Changes of a thing.
        struct UpdateNote: Stored {
            /// Markdown.
            note: Option<Option<String>> = "note", text().max(500).nullable();
            is_public: Option<bool> = "isPublic", boolean().optional();
        }
    }

    #[test]
    fn a_struct_of_fields_is_serialised_with_the_fields_of_the_request() {
        let mut fields = body(json!({"note": null}));
        let changes = UpdateNote::from_fields(&mut fields);
        assert_eq!(
            serde_json::to_value(&changes).unwrap(),
            json!({"note": null})
        );

        let mut fields = body(json!({"isPublic": true}));
        let changes = UpdateNote::from_fields(&mut fields);
        assert_eq!(
            serde_json::to_value(&changes).unwrap(),
            json!({"isPublic": true})
        );
    }

    #[test]
    fn a_stored_struct_is_read_from_a_row() {
        let row = json!({"id": "1", "note": null, "isPublic": true});
        let stored: UpdateNote = serde_json::from_value(row).unwrap();
        assert_eq!(
            serde_json::to_value(&stored).unwrap(),
            json!({"note": null, "isPublic": true})
        );

        let without_column = serde_json::from_value::<UpdateNote>(json!({"note": "n"}));
        assert!(without_column.is_err());
    }

    #[cfg(feature = "description")]
    #[test]
    fn the_schema_of_a_row_requires_all_columns_and_has_no_limits() {
        assert_eq!(
            serde_json::to_value(Fields::row_schema::<UpdateNote>()).unwrap(),
            json!({
                "type": "object",
                "required": ["note", "isPublic"],
                "properties": {"note": {"type": ["string", "null"]}, "isPublic": {"type": "boolean"}},
            })
        );
    }

    #[cfg(feature = "description")]
    #[test]
    fn a_struct_of_fields_has_a_description() {
        let described = Fields::describe::<UpdateNote>();

        let names: Vec<&str> = described.iter().map(|property| property.name).collect();
        assert_eq!(names, ["note", "isPublic"]);
        assert!(described.iter().all(|property| !property.required));
        assert_eq!(
            serde_json::to_value(&described[0].schema).unwrap(),
            json!({"type": ["string", "null"], "maxLength": 500, "description": "Markdown."})
        );
        assert_eq!(UpdateNote::ABOUT.trim(), "Changes of a thing.");
    }
}
