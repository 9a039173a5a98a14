//! Schemas of parameters, and what is true of all schemas of bodies and of answers.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat,
        schema::{AdditionalProperties, AnyOfBuilder, OneOfBuilder, SchemaType, Type},
    },
};

/// A text; lengths count Unicode scalar values, as JSON Schema does.
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A whole number within the bounds.
pub fn integer(min: i64, max: i64) -> ObjectBuilder {
    let number = |number: i64| utoipa::Number::Int(isize::try_from(number).unwrap_or(isize::MAX));
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(number(min)))
        .maximum(Some(number(max)))
}

/// `true` or `false`.
pub fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// One of the given words.
pub fn words(words: &[&str]) -> ObjectBuilder {
    text().enum_values(Some(words.iter().copied()))
}

/// A day: `2025-01-15`.
pub fn date() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
}

/// An instant: `2025-01-15T10:30:00.000Z`.
pub fn date_time() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

/// A list; in a query the name is repeated.
pub fn list(items: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(items.into())
}

/// An object of any properties.
pub fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// What a schema is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Read by us.
    Body,
    /// Written by us.
    Answer,
}

/// A schema with its name and its use.
#[derive(Clone)]
pub(super) struct Named {
    pub name: String,
    pub used: Use,
    pub schema: RefOr<Schema>,
}

/// The schema of a type and of all types inside it.
pub(super) fn collect<T: ToSchema>(used: Use, into: &mut Vec<Named>) {
    let mut schemas = vec![(T::name().into_owned(), <T as PartialSchema>::schema())];
    T::schemas(&mut schemas);
    into.extend(
        schemas
            .into_iter()
            .map(|(name, schema)| Named { name, used, schema }),
    );
}

/// A reference to the schema of a type.
pub(super) fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

/// An array of a type.
pub(super) fn array_of<T: ToSchema>() -> Array {
    Array::new(reference::<T>())
}

/// Properties of answers are always there, but for the optional ones.
pub(super) fn require_all(schema: &mut RefOr<Schema>, optional: &[&str]) {
    each_object(schema, &mut |object| {
        let names = object.properties.keys();
        object.required = names
            .filter(|name| !optional.contains(&name.as_str()))
            .cloned()
            .collect();
    });
}

/// No other properties than those named.
pub(super) fn close(schema: &mut RefOr<Schema>) {
    each_object(schema, &mut |object| {
        if object.additional_properties.is_none() {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    });
}

/// Whether a body may be left out: it counts as `{}`.
pub(super) fn accepts_nothing(schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::T(Schema::Object(object)) => object.required.is_empty(),
        _ => false,
    }
}

/// Visits the object itself and those written inside it, references aside.
fn each_object(schema: &mut RefOr<Schema>, visit: &mut impl FnMut(&mut Object)) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            if !object.properties.is_empty() {
                visit(object);
            }
            for property in object.properties.values_mut() {
                each_object(property, visit);
            }
        }
        Schema::Array(array) => {
            if let utoipa::openapi::schema::ArrayItems::RefOrSchema(items) = &mut array.items {
                each_object(items, visit);
            }
        }
        Schema::OneOf(schema) => each_item(&mut schema.items, visit),
        Schema::AllOf(schema) => each_item(&mut schema.items, visit),
        Schema::AnyOf(schema) => each_item(&mut schema.items, visit),
        _ => {}
    }
}

fn each_item(items: &mut [RefOr<Schema>], visit: &mut impl FnMut(&mut Object)) {
    for item in items {
        each_object(item, visit);
    }
}

/// The body of an error, as NestJS writes it.
pub(super) fn error() -> Object {
    let message = OneOfBuilder::new().item(text()).item(list(text()));
    ObjectBuilder::new()
        .description(Some("Why a request was refused or failed"))
        .property(
            "statusCode",
            ObjectBuilder::new().schema_type(Type::Integer),
        )
        .property("message", message)
        .property(
            "error",
            text().description(Some("The status's phrase, where the message is another")),
        )
        .required("statusCode")
        .required("message")
        .examples([serde_json::json!({
            "statusCode": 404, "message": "Project not found", "error": "Not Found"
        })])
        .build()
}

/// The body of an error of `/api/auth`, as Better Auth writes it. Its 500 and 503 have a `statusCode` too.
pub(super) fn auth_error() -> Object {
    ObjectBuilder::new()
        .description(Some("Why Better Auth's endpoints refused a request"))
        .property("message", text())
        .property("code", text())
        .required("message")
        .examples([serde_json::json!({"message": "Unauthorized", "code": "UNAUTHORIZED"})])
        .build()
}

/// What one or both of the schemas say; objects are open, so the richer one may fit both.
pub(super) fn either(one: Ref, other: Ref) -> Schema {
    Schema::AnyOf(AnyOfBuilder::new().item(one).item(other).build())
}

/// `null`, or what the schema says.
pub(super) fn or_null(schema: impl Into<RefOr<Schema>>) -> Schema {
    Schema::OneOf(
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)))
            .item(schema)
            .build(),
    )
}
