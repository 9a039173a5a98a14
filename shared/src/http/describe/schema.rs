//! Schemas of values with rules, and of types.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Array, ArrayBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, SchemaFormat,
        schema::{AnyOfBuilder, OneOfBuilder, SchemaType, Type},
    },
};

/// A JSON schema, or a reference to one.
pub type Schema = RefOr<utoipa::openapi::Schema>;

/// A text. Lengths are numbers of Unicode scalar values, as in JSON Schema.
pub fn text(min: Option<usize>, max: Option<usize>) -> Schema {
    string().min_length(min).max_length(max).into()
}

/// An integer between two bounds.
pub fn integer(min: i64, max: i64) -> Schema {
    let number = |number: i64| utoipa::Number::Int(isize::try_from(number).unwrap_or(isize::MAX));
    let fits = i32::try_from(min).is_ok() && i32::try_from(max).is_ok();
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(fits.then_some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(number(min)))
        .maximum(Some(number(max)))
        .into()
}

/// `true` or `false`.
pub fn boolean() -> Schema {
    ObjectBuilder::new().schema_type(Type::Boolean).into()
}

/// A number.
pub fn number() -> Schema {
    ObjectBuilder::new().schema_type(Type::Number).into()
}

/// One of the given words.
pub fn words(words: &[&str]) -> Schema {
    string().enum_values(Some(words.iter().copied())).into()
}

/// A day: `2025-01-15`.
pub fn date() -> Schema {
    string()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
        .into()
}

/// An instant: `2025-01-15T10:30:00.000Z`.
pub fn date_time() -> Schema {
    string()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .into()
}

/// A list. In a query, its name is repeated.
pub fn list(items: Schema, max_items: Option<usize>) -> Schema {
    ArrayBuilder::new().items(items).max_items(max_items).into()
}

/// An object of any properties.
pub fn object() -> Schema {
    ObjectBuilder::new().schema_type(Type::Object).into()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// The schema, extended by `null`.
pub fn nullable(schema: Schema) -> Schema {
    use utoipa::openapi::Schema as S;
    let with_null = |kind: &mut SchemaType| {
        if let SchemaType::Type(known) = kind {
            *kind = SchemaType::from_iter([known.clone(), Type::Null]);
        }
    };
    match schema {
        RefOr::T(S::Object(mut object)) => {
            with_null(&mut object.schema_type);
            RefOr::T(S::Object(object))
        }
        RefOr::T(S::Array(mut array)) => {
            with_null(&mut array.schema_type);
            RefOr::T(S::Array(array))
        }
        other => or_null(other),
    }
}

/// `null` or the schema.
pub fn or_null(schema: impl Into<Schema>) -> Schema {
    OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)))
        .item(schema)
        .into()
}

/// One or both of the schemas. Objects are open, so the larger object may match both.
pub fn either(one: Ref, other: Ref) -> Schema {
    AnyOfBuilder::new().item(one).item(other).into()
}

/// The use of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A body that is read.
    Body,
    /// A response that is written.
    Response,
}

/// A schema of the document's components.
#[derive(Clone)]
pub struct NamedSchema {
    /// Its name among the components.
    pub name: String,
    /// Its use.
    pub usage: Usage,
    /// The schema.
    pub schema: Schema,
}

/// Adds the schema of a type and those of all types inside it.
pub fn collect<T: ToSchema>(usage: Usage, into: &mut Vec<NamedSchema>) {
    let mut schemas = vec![(T::name().into_owned(), <T as PartialSchema>::schema())];
    T::schemas(&mut schemas);
    into.extend(schemas.into_iter().map(|(name, schema)| NamedSchema {
        name,
        usage,
        schema,
    }));
}

/// A reference to the schema of a type.
pub fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

/// An array of a type.
pub fn array_of<T: ToSchema>() -> Schema {
    Array::new(reference::<T>()).into()
}
