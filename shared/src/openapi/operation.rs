//! One operation as its group describes it.

use std::collections::BTreeMap;

use axum::http::Method;
use utoipa::{
    ToSchema,
    openapi::{
        Content, ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use super::schema::{self, Named, Use};

/// One operation: a route's names, parameters, body and answers.
#[derive(Clone)]
pub struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: Option<&'static str>,
    pub(super) signed_in: bool,
    pub(super) idempotent: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: BTreeMap<u16, Response>,
    pub(super) failures: BTreeMap<u16, Failure>,
    pub(super) schemas: Vec<Named>,
    pub(super) optional: Vec<(String, &'static [&'static str])>,
}

/// What is sent.
#[derive(Clone)]
pub(super) struct Body {
    pub schema: RefOr<Schema>,
    pub required: bool,
    pub media_types: &'static [&'static str],
}

/// The body of a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Error,
    Empty,
}

impl Operation {
    /// `GET`. Ids are `<verb><Resource>`: `listProjects`.
    pub fn get(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::GET, path, id)
    }

    /// `POST`.
    pub fn post(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::POST, path, id)
    }

    /// `PUT`.
    pub fn put(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::PUT, path, id)
    }

    /// `DELETE`.
    pub fn delete(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::DELETE, path, id)
    }

    fn new(method: Method, path: &'static str, id: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            summary: "",
            description: None,
            signed_in: false,
            idempotent: false,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            failures: BTreeMap::new(),
            schemas: Vec::new(),
            optional: Vec::new(),
        }
    }

    /// One line on what it does.
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// The rest, in Markdown.
    pub fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Needs a session although its route is mounted public, because the handler looks the session up itself
    /// (`/api/auth`).
    pub fn signed_in(mut self) -> Self {
        self.signed_in = true;
        self
    }

    /// Takes `Idempotency-Key`: replays (`Idempotent-Replayed`), 409 and 422.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// A parameter of the query that may be left out.
    pub fn query(self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.query_parameter(name, description, schema, Required::False)
    }

    /// A parameter of the query without which the answer is 400.
    pub fn required_query(
        self,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) -> Self {
        self.query_parameter(name, description, schema, Required::True)
    }

    fn query_parameter(
        mut self,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
        required: Required,
    ) -> Self {
        self.parameters.push(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(required)
                .description(Some(description))
                .schema(Some(schema))
                .build(),
        );
        self
    }

    /// The schema of a parameter of the path, where it is no opaque id.
    pub fn path_parameter(
        mut self,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) -> Self {
        self.parameters.push(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(description))
                .schema(Some(schema))
                .build(),
        );
        self
    }

    /// A JSON body. It may be left out where no property is required.
    pub fn body<T: ToSchema>(self) -> Self {
        self.body_as::<T>(&["application/json"])
    }

    /// A body in one of several media types.
    pub fn body_as<T: ToSchema>(mut self, media_types: &'static [&'static str]) -> Self {
        schema::collect::<T>(Use::Body, &mut self.schemas);
        self.body = Some(Body {
            required: !schema::accepts_nothing(&T::schema()),
            schema: schema::reference::<T>().into(),
            media_types,
        });
        self
    }

    /// Answers JSON.
    pub fn json<T: ToSchema>(mut self, status: u16) -> Self {
        schema::collect::<T>(Use::Answer, &mut self.schemas);
        self.json_as(status, schema::reference::<T>())
    }

    /// Answers JSON of either type.
    pub fn json_either<T: ToSchema, U: ToSchema>(mut self, status: u16) -> Self {
        schema::collect::<T>(Use::Answer, &mut self.schemas);
        schema::collect::<U>(Use::Answer, &mut self.schemas);
        let either = schema::either(schema::reference::<T>(), schema::reference::<U>());
        self.json_as(status, either)
    }

    /// Answers JSON that may be `null`.
    pub fn json_or_null<T: ToSchema>(mut self, status: u16) -> Self {
        schema::collect::<T>(Use::Answer, &mut self.schemas);
        self.json_as(status, schema::or_null(schema::reference::<T>()))
    }

    /// Answers a whole list.
    pub fn list<T: ToSchema>(mut self) -> Self {
        schema::collect::<T>(Use::Answer, &mut self.schemas);
        self.json_as(200, schema::array_of::<T>())
    }

    /// Answers one page of a list: `limit`, `cursor`, `Link`.
    pub fn page<T: ToSchema>(self) -> Self {
        self.query(
            "limit",
            "Items to answer at most; 20 by default",
            schema::integer(1, 100),
        )
        .query(
            "cursor",
            "Where the page starts: taken from the `Link` of the page before, never made up",
            schema::text().max_length(Some(512)),
        )
        .list::<T>()
        .header("Link")
    }

    /// Answers JSON of a schema that has no type of its own.
    pub fn json_as(mut self, status: u16, schema: impl Into<RefOr<Schema>>) -> Self {
        let content = Content::new(Some(schema));
        self.answers.insert(
            status,
            answer(status).content("application/json", content).build(),
        );
        self
    }

    /// Answers 201 with the thing made and its `Location`.
    pub fn created<T: ToSchema>(self) -> Self {
        self.json::<T>(201).header("Location")
    }

    /// Answers 204.
    pub fn no_content(mut self) -> Self {
        self.answers.insert(204, answer(204).build());
        self
    }

    /// Answers 302.
    pub fn redirect(mut self) -> Self {
        self.answers.insert(302, answer(302).build());
        self.header("Location")
    }

    /// Answers something else than JSON, e.g. `text/html` or `image/webp`; several calls add media types.
    pub fn media(mut self, status: u16, media_type: &str) -> Self {
        let mut content = ContentBuilder::new();
        if media_type.starts_with("text/") {
            content = content.schema(Some(schema::text()));
        }
        let response = self
            .answers
            .remove(&status)
            .unwrap_or_else(|| answer(status).build());
        let response = ResponseBuilder::from(response).content(media_type, content.build());
        self.answers.insert(status, response.build());
        self
    }

    /// The answers named so far carry one of the headers that the document knows: `Link`, `Location`.
    fn header(mut self, name: &str) -> Self {
        for response in self.answers.values_mut() {
            response
                .headers
                .insert(name.to_owned(), RefOr::Ref(header(name)));
        }
        self
    }

    /// Refuses with this status too, and the error body.
    pub fn fails(mut self, statuses: &[u16]) -> Self {
        let failures = statuses.iter().map(|status| (*status, Failure::Error));
        self.failures.extend(failures);
        self
    }

    /// Refuses with this status and no body.
    pub fn fails_empty(mut self, statuses: &[u16]) -> Self {
        let failures = statuses.iter().map(|status| (*status, Failure::Empty));
        self.failures.extend(failures);
        self
    }

    /// Properties of an answer's type that may be missing, here and wherever else the type is used.
    pub fn optional<T: ToSchema>(mut self, properties: &'static [&'static str]) -> Self {
        self.optional.push((T::name().into_owned(), properties));
        self
    }
}

/// A reference to one of the document's headers.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn answer(status: u16) -> ResponseBuilder {
    let reason = axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    ResponseBuilder::new().description(reason)
}
