//! One operation as its route and its handler describe it.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::{
    property::{Property, object_of},
    schema::{self, NamedSchema, Schema, Usage},
};

/// One operation: what its route says beside its method and path.
#[derive(Clone, Default)]
pub struct Operation {
    /// One line on what it does.
    pub summary: &'static str,
    /// The rest, in Markdown; may be empty.
    pub description: &'static str,
    /// A session is needed although the guard does not look for one (`/api/auth`).
    pub signed_in: bool,
    /// The handler rejects anonymous callers.
    pub takes_user: bool,
    /// `Idempotency-Key` is accepted.
    pub idempotent: bool,
    /// Parameters of path and query.
    pub parameters: Vec<(ParameterPlace, Property)>,
    /// What is sent.
    pub body: Option<Body>,
    /// Responses of a request that succeeds, by status.
    pub answers: BTreeMap<u16, Answer>,
    /// Statuses of refusals beside those that follow from the route.
    pub failures: BTreeMap<u16, Failure>,
    /// Schemas of bodies and responses.
    pub schemas: Vec<NamedSchema>,
    /// Properties of a response that may be missing, by the name of its schema.
    pub optional: Vec<(String, &'static [&'static str])>,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// What is sent.
#[derive(Clone)]
pub struct Body {
    /// What it may be.
    pub schema: Schema,
    /// Whether it must be there.
    pub required: bool,
    /// In which media types.
    pub media_types: &'static [&'static str],
}

/// The response of a request that succeeds.
#[derive(Clone, Default)]
pub struct Answer {
    /// Media types, with the schema of each where there is one.
    pub content: Vec<(&'static str, Option<Schema>)>,
    /// Headers by the names that the document has for them.
    pub headers: Vec<&'static str>,
}

/// The body of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The error body of the group's protocol.
    Error,
    /// Nothing.
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

    /// Sets a body of these properties, unless there are none. It may be left out where none is required.
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
