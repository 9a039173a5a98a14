//! Common changes to all schemas of bodies and responses.

use utoipa::openapi::{
    ArrayBuilder, Object, ObjectBuilder, RefOr, Schema,
    schema::{AdditionalProperties, KnownFormat, OneOfBuilder, SchemaFormat, Type},
};

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn int32() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
}

/// Makes all properties of a response required, except the optional ones.
pub(super) fn require_all(schema: &mut RefOr<Schema>, optional: &[&str]) {
    each_object(schema, &mut |object| {
        let names = object.properties.keys();
        object.required = names
            .filter(|name| !optional.contains(&name.as_str()))
            .cloned()
            .collect();
    });
}

/// Closes a schema to other properties.
pub(super) fn close(schema: &mut RefOr<Schema>) {
    each_object(schema, &mut |object| {
        if object.additional_properties.is_none() {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    });
}

/// Visits the object itself and the objects inside it. References are not followed.
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

/// The error body in the format of NestJS.
pub(super) fn error() -> Object {
    let message = OneOfBuilder::new()
        .item(string())
        .item(ArrayBuilder::new().items(string()));
    ObjectBuilder::new()
        .description(Some("Why a request was refused or failed"))
        .property("statusCode", int32())
        .property("message", message)
        .property(
            "error",
            string().description(Some("The status's phrase, where the message is another")),
        )
        .required("statusCode")
        .required("message")
        .examples([serde_json::json!({
            "statusCode": 404, "message": "Project not found", "error": "Not Found"
        })])
        .build()
}

/// The body of an error of `/api/auth`, as Better Auth writes it.
pub(super) fn auth_error() -> Object {
    ObjectBuilder::new()
        .description(Some("Why Better Auth's endpoints refused a request"))
        .property("message", string())
        .property("code", string())
        .property(
            "statusCode",
            int32().description(Some("The status, of 500 and 503 only")),
        )
        .required("message")
        .examples([serde_json::json!({"message": "Unauthorized", "code": "UNAUTHORIZED"})])
        .build()
}
