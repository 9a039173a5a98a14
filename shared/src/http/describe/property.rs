//! Properties of bodies, and parameters.

use utoipa::openapi::{
    Object, ObjectBuilder, RefOr, Schema as UtoipaSchema,
    schema::{ArrayItems, Type},
};

use super::schema::Schema;

/// A named value: a property of a body, or a parameter.
#[derive(Clone)]
pub struct Property {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether it is required.
    pub required: bool,
    /// Its schema.
    pub schema: Schema,
    /// Its description, or empty.
    pub about: &'static str,
}

impl Property {
    /// Creates an optional property.
    pub fn new(name: &'static str, schema: impl Into<Schema>) -> Self {
        Self {
            name,
            required: false,
            schema: schema.into(),
            about: "",
        }
    }

    /// Sets the description.
    pub fn about(mut self, about: &'static str) -> Self {
        if !about.is_empty() {
            self.about = about;
            match &mut self.schema {
                RefOr::T(UtoipaSchema::Object(object)) => object.description = Some(about.into()),
                RefOr::T(UtoipaSchema::Array(array)) => array.description = Some(about.into()),
                RefOr::T(UtoipaSchema::OneOf(one_of)) => one_of.description = Some(about.into()),
                _ => {}
            }
        }
        self
    }

    /// Requires the property, and removes its description and the limits of its values.
    pub(in crate::http) fn into_column(self) -> Self {
        let mut column = self.without_description();
        column.required = true;
        column.about = "";
        match &mut column.schema {
            RefOr::T(UtoipaSchema::Object(object)) => without_limits(object),
            RefOr::T(UtoipaSchema::Array(array)) => {
                array.max_items = None;
                if let ArrayItems::RefOrSchema(items) = &mut array.items
                    && let RefOr::T(UtoipaSchema::Object(item)) = items.as_mut()
                {
                    without_limits(item);
                }
            }
            _ => {}
        }
        column
    }

    /// Removes the description from the schema, because a parameter has it beside its schema.
    pub(super) fn without_description(mut self) -> Self {
        match &mut self.schema {
            RefOr::T(UtoipaSchema::Object(object)) => object.description = None,
            RefOr::T(UtoipaSchema::Array(array)) => array.description = None,
            RefOr::T(UtoipaSchema::OneOf(one_of)) => one_of.description = None,
            _ => {}
        }
        self
    }
}

fn without_limits(object: &mut Object) {
    object.min_length = None;
    object.max_length = None;
    object.minimum = None;
    object.maximum = None;
}

/// Returns the schema of an object with these properties.
pub fn object_of(properties: Vec<Property>, about: &str) -> Schema {
    let mut object = ObjectBuilder::new().schema_type(Type::Object);
    if !about.is_empty() {
        object = object.description(Some(about));
    }
    for property in properties {
        if property.required {
            object = object.required(property.name);
        }
        object = object.property(property.name, property.schema);
    }
    object.into()
}
