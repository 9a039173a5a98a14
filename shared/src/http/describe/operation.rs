//! The description of an operation by its route and its handler.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::{
    property::{Property, object_of},
    schema::{self, NamedSchema, Schema, Usage},
};

/// The description of an operation, without its method and path.
#[derive(Clone, Default)]
pub struct Operation {
    /// The heading under which the document lists the operation.
    pub topic: &'static str,
    /// One line that describes the operation.
    pub summary: &'static str,
    /// Further text in Markdown, or empty.
    pub description: &'static str,
    /// Whether the handler requires a session although the guard does not (`/api/auth`).
    pub signed_in: bool,
    /// Whether the handler rejects anonymous callers.
    pub takes_user: bool,
    /// Whether `Idempotency-Key` is accepted.
    pub idempotent: bool,
    /// Parameters of path and query.
    pub parameters: Vec<(ParameterPlace, Property)>,
    /// The body of the request.
    pub body: Option<Body>,
    /// Responses to successful requests, by status.
    pub answers: BTreeMap<u16, Answer>,
    /// Statuses of errors, in addition to those that follow from the route.
    pub failures: BTreeMap<u16, Failure>,
    /// Schemas of bodies and responses.
    pub schemas: Vec<NamedSchema>,
    /// Properties of a response that may be missing, by the name of its schema.
    pub optional: Vec<(String, &'static [&'static str])>,
}

/// The part of the request that contains a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// The body of a request.
#[derive(Clone)]
pub struct Body {
    /// Schema of the body.
    pub schema: Schema,
    /// Whether the body is required.
    pub required: bool,
    /// Accepted media types.
    pub media_types: &'static [&'static str],
}

/// A response to a successful request.
#[derive(Clone, Default)]
pub struct Answer {
    /// Media types, with their schemas if they have one.
    pub content: Vec<(&'static str, Option<Schema>)>,
    /// Names of headers in the document's components.
    pub headers: Vec<&'static str>,
}

/// The body of an error response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The error format of the group's protocol.
    Error,
    /// No body.
    Empty,
}

impl Operation {
    /// Adds the parameters of a query.
    pub fn query(&mut self, properties: Vec<Property>) {
        let parameters = properties
            .into_iter()
            .map(|property| (ParameterPlace::Query, property.without_description()));
        self.parameters.extend(parameters);
    }

    /// Sets a body with these properties, if there are any. The body is optional if no property is required.
    pub fn body_as(
        &mut self,
        name: &str,
        about: &str,
        properties: Vec<Property>,
        media_types: &'static [&'static str],
    ) {
        if properties.is_empty() {
            return;
        }
        self.body = Some(Body {
            required: properties.iter().any(|property| property.required),
            schema: utoipa::openapi::Ref::from_schema_name(name).into(),
            media_types,
        });
        self.schemas.push(NamedSchema {
            name: name.to_owned(),
            usage: Usage::Body,
            schema: object_of(properties, about.trim()),
        });
    }

    /// Adds a JSON response of a type.
    pub fn json_of<T: ToSchema>(&mut self, status: u16) {
        schema::collect::<T>(Usage::Response, &mut self.schemas);
        self.json(status, schema::reference::<T>());
    }

    /// Adds a JSON response.
    pub fn json(&mut self, status: u16, schema: impl Into<Schema>) {
        self.media(status, "application/json", Some(schema.into()));
    }

    /// Adds a response in a media type; several calls add media types.
    pub fn media(&mut self, status: u16, media_type: &'static str, schema: Option<Schema>) {
        let answer = self.answers.entry(status).or_default();
        answer.content.retain(|(known, _)| *known != media_type);
        answer.content.push((media_type, schema));
    }

    /// Adds a response without a body.
    pub fn empty(&mut self, status: u16) {
        self.answers.entry(status).or_default();
    }

    /// Adds a header to a response.
    pub fn header(&mut self, status: u16, name: &'static str) {
        self.answers.entry(status).or_default().headers.push(name);
    }
}
