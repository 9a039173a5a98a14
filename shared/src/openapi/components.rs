//! Components that operations share: error responses, headers, security schemes, and the schemas of all types.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::{
    Components, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
    content::ContentBuilder,
    schema::ComponentsBuilder,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::schema;
use crate::http::describe::{self, NamedSchema, Operation, Usage};

/// Statuses of error responses, with their names in the document.
const REFUSALS: [(u16, &str, &str); 13] = [
    (400, "BadRequest", "The body or the query is invalid"),
    (401, "Unauthorized", "No valid credential"),
    (403, "Forbidden", "The caller may not do this"),
    (404, "NotFound", "Not found, or not visible to the caller"),
    (405, "MethodNotAllowed", "The method is not allowed"),
    (
        409,
        "Conflict",
        "The request conflicts with the stored state",
    ),
    (413, "PayloadTooLarge", "The body is over 1 MiB"),
    (
        415,
        "UnsupportedMediaType",
        "The body is not `application/json`",
    ),
    (
        422,
        "UnprocessableEntity",
        "The `Idempotency-Key` was used with a different request",
    ),
    (429, "TooManyRequests", "A rate limit is exceeded"),
    (
        500,
        "InternalServerError",
        "A bug; please report the `X-Request-Id`",
    ),
    (502, "BadGateway", "A provider failed"),
    (
        503,
        "ServiceUnavailable",
        "The database or the storage is not reachable",
    ),
];

/// Headers of responses.
const HEADERS: [(&str, &str); 10] = [
    ("X-Request-Id", "Identifies this request in the logs"),
    (
        "ETag",
        "Identifies this version; send it back as `If-None-Match`",
    ),
    (
        "Link",
        "`rel=\"next\"`: the next page, when there is one (RFC 8288)",
    ),
    ("Location", "Address of the resource"),
    (
        "RateLimit",
        "The tightest quota: what remains, and seconds until it is full again",
    ),
    (
        "RateLimit-Policy",
        "The quotas that this request was counted under",
    ),
    ("Retry-After", "Seconds to wait"),
    ("X-Retry-After", "Seconds to wait"),
    ("WWW-Authenticate", "`Bearer`"),
    (
        "Idempotent-Replayed",
        "`true` where the response is that of an earlier request",
    ),
];

pub(super) const SESSION: &str = "session";
pub(super) const SECURE_SESSION: &str = "secureSession";
pub(super) const API_KEY: &str = "apiKey";
pub(super) const BEARER: &str = "bearer";

/// Returns a reference to one of the document's headers.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

pub(super) fn refusal_name(status: u16, exact: bool) -> Option<String> {
    let (_, name, _) = REFUSALS.iter().find(|(known, _, _)| *known == status)?;
    Some(if exact {
        format!("Auth{name}")
    } else {
        (*name).to_owned()
    })
}

pub(super) fn empty_refusal(status: u16) -> Response {
    let description = REFUSALS
        .iter()
        .find(|(known, _, _)| *known == status)
        .map_or("Refused", |(_, _, description)| description);
    ResponseBuilder::new()
        .description(description.to_string())
        .header_ref("X-Request-Id", header("X-Request-Id"))
        .build()
}

/// Schemas of all operations by name.
#[derive(Default)]
pub(super) struct Schemas {
    named: Vec<(NamedSchema, bool)>,
    optional: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Schemas {
    pub(super) fn add(&mut self, operation: &Operation, exact: bool) {
        self.named
            .extend(operation.schemas.iter().map(|named| (named.clone(), exact)));
        for (name, properties) in &operation.optional {
            self.optional
                .entry(name.clone())
                .or_default()
                .extend(properties.iter().copied());
        }
    }

    /// Completes the schemas. In responses all properties are required. Bodies are closed except Better Auth's, which
    /// ignores unknown properties.
    pub(super) fn finish(self, problems: &mut Vec<String>) -> Components {
        let mut known: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
        for (named, exact) in self.named {
            let mut schema = named.schema;
            match named.usage {
                Usage::Response => {
                    let optional: Vec<&str> = self
                        .optional
                        .get(&named.name)
                        .map(|properties| properties.iter().copied().collect())
                        .unwrap_or_default();
                    schema::require_all(&mut schema, &optional);
                }
                Usage::Body if exact => {}
                Usage::Body => schema::close(&mut schema),
            }
            match known.get(&named.name) {
                Some(other) if *other != schema => {
                    problems.push(format!("{} names two different schemas", named.name));
                }
                _ => {
                    known.insert(named.name, schema);
                }
            }
        }
        let mut components = ComponentsBuilder::new()
            .schemas_from_iter(known)
            .schema("Error", schema::error())
            .schema("AuthError", schema::auth_error())
            .response(
                "NotModified",
                ResponseBuilder::new()
                    .description("You have this state already")
                    .header_ref("ETag", header("ETag"))
                    .header_ref("X-Request-Id", header("X-Request-Id")),
            );
        for (name, description) in HEADERS {
            components = components.header(
                name,
                HeaderBuilder::new()
                    .schema(Some(describe::text(None, None)))
                    .description(Some(description))
                    .build(),
            );
        }
        for (status, name, description) in REFUSALS {
            components = components
                .response(name, refusal(status, description, "Error"))
                .response(
                    format!("Auth{name}"),
                    refusal(status, description, "AuthError"),
                );
        }
        for (name, scheme) in security_schemes() {
            components = components.security_scheme(name, scheme);
        }
        components.build()
    }
}

fn refusal(status: u16, description: &str, schema: &str) -> Response {
    let mut headers = vec!["X-Request-Id"];
    let ours = schema == "Error";
    match status {
        401 if ours => headers.push("WWW-Authenticate"),
        429 if ours => headers.extend(["RateLimit", "RateLimit-Policy", "Retry-After"]),
        429 => headers.push("X-Retry-After"),
        503 => headers.push("Retry-After"),
        _ => {}
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
    headers
        .into_iter()
        .fold(
            ResponseBuilder::new()
                .description(description)
                .content("application/json", content.build()),
            |response, name| response.header_ref(name, header(name)),
        )
        .build()
}

fn security_schemes() -> [(&'static str, SecurityScheme); 4] {
    let cookie = |name: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(name)));
    [
        (SESSION, cookie("better-auth.session_token")),
        (SECURE_SESSION, cookie("__Secure-better-auth.session_token")),
        (
            API_KEY,
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key"))),
        ),
        (
            BEARER,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("An API key; for `/metrics` also the metrics token"))
                    .build(),
            ),
        ),
    ]
}
