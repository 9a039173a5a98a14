//! Common changes to all schemas of bodies and responses, and the schemas of errors.

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

/// Returns a reference to one of the document's headers.
pub(super) fn header(name: &str) -> utoipa::openapi::Ref {
    utoipa::openapi::Ref::new(format!("#/components/headers/{name}"))
}

/// Merges a schema of several objects, such as that of a struct with a flattened field, into one object. A schema that refers
/// to another one stays as it is.
pub(super) fn merge_objects(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::AllOf(parts)) = schema else {
        return;
    };
    let objects: Option<Vec<Object>> = parts
        .items
        .iter()
        .map(|item| match item {
            RefOr::T(Schema::Object(object)) => Some(object.clone()),
            _ => None,
        })
        .collect();
    let Some(objects) = objects else { return };
    let mut merged = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(parts.description.take())
        .build();
    for object in objects {
        merged.properties.extend(object.properties);
        merged.required.extend(object.required);
    }
    *schema = merged.into();
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::openapi::{Ref, schema::AllOfBuilder};

    use super::*;

    #[test]
    fn parts_become_one_object_unless_one_is_a_reference() {
        let part = |name: &str| ObjectBuilder::new().property(name, string()).required(name);
        let parts = || {
            let parts = AllOfBuilder::new().description(Some("Both"));
            parts.item(part("a")).item(part("b"))
        };

        let mut schema = parts().into();
        merge_objects(&mut schema);
        assert_eq!(
            serde_json::to_value(&schema).unwrap(),
            json!({
                "type": "object",
                "description": "Both",
                "required": ["a", "b"],
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            })
        );

        let mut schema = parts().item(Ref::from_schema_name("Other")).into();
        merge_objects(&mut schema);
        assert_eq!(
            serde_json::to_value(&schema).unwrap()["allOf"][0]["type"],
            "object"
        );
    }
}
