//! Components that operations share: error responses, headers, security schemes, and the schemas of all types.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::{
    Components, Header, HeaderBuilder, Paths, RefOr, ResponseBuilder, Schema,
    schema::ComponentsBuilder,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    refusals::REFUSALS,
    schema::{self, header},
};
use crate::http::describe::{self, NamedSchema, Operation, Usage};

/// Headers of responses, each with an example.
const HEADERS: [(&str, &str, &str); 10] = [
    (
        "X-Request-Id",
        "Identifies this request in the logs",
        "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    ),
    (
        "ETag",
        "Identifies this version; send it back as `If-None-Match`",
        "W/\"9b1deb4d3b7d\"",
    ),
    (
        "Link",
        "The next page has the relation `next` (RFC 8288). Absent on the last page",
        "</projects?limit=20&cursor=eyJ2IjoxfQ>; rel=\"next\"",
    ),
    (
        "Location",
        "Address of the resource",
        "/projects/9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    ),
    (
        "RateLimit",
        "The tightest quota: the remaining requests `r`, and the seconds `t` until it is full again",
        "\"read\";r=299;t=60",
    ),
    (
        "RateLimit-Policy",
        "The quotas that this request was counted under: `q` requests in `w` seconds",
        "\"read\";q=300;w=60",
    ),
    (RETRY_AFTER, "Seconds to wait", "5"),
    (X_RETRY_AFTER, "Seconds to wait", "10"),
    ("WWW-Authenticate", "`Bearer`", "Bearer"),
    (
        "Idempotent-Replayed",
        "`true` where the response is that of an earlier request",
        "true",
    ),
];

const RETRY_AFTER: &str = "Retry-After";
const X_RETRY_AFTER: &str = "X-Retry-After";

pub(super) const SESSION: &str = "session";
pub(super) const SECURE_SESSION: &str = "secureSession";
pub(super) const API_KEY: &str = "apiKey";
pub(super) const BEARER: &str = "bearer";

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

    /// Completes the components. In responses all properties are required. Bodies are closed except Better Auth's, which
    /// ignores unknown properties.
    /// `paths` are the operations. Error responses that none of them has are left out.
    pub(super) fn finish(self, paths: &Paths, problems: &mut Vec<String>) -> Components {
        let used = serde_json::to_string(paths).unwrap_or_default();
        let mut known: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
        for (named, exact) in self.named {
            let mut schema = named.schema;
            match named.usage {
                Usage::Response => {
                    schema::merge_objects(&mut schema);
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
                    .description("The version that `If-None-Match` names is current")
                    .header_ref("ETag", header("ETag"))
                    .header_ref("X-Request-Id", header("X-Request-Id")),
            );
        for (name, description, example) in HEADERS {
            components = components.header(name, described_header(name, description, example));
        }
        for refusal in &REFUSALS {
            for exact in [false, true] {
                let name = refusal.reference(exact);
                if used.contains(&format!("\"#/components/responses/{name}\"")) {
                    components = components.response(name, refusal.response(exact));
                }
            }
        }
        for (name, scheme) in security_schemes() {
            components = components.security_scheme(name, scheme);
        }
        components.build()
    }
}

fn described_header(name: &str, description: &str, example: &str) -> Header {
    let (schema, example) = match example.parse::<i64>() {
        Ok(seconds) if matches!(name, RETRY_AFTER | X_RETRY_AFTER) => {
            (describe::integer(0, i32::MAX.into()), seconds.into())
        }
        _ => (describe::text(None, None), example.into()),
    };
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .example(Some(example))
        .build()
}

fn security_schemes() -> [(&'static str, SecurityScheme); 4] {
    let cookie = |name: &str, about: &str| {
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, about)))
    };
    let key = "An API key of `POST /api/auth/api-key/create`. It is never accepted by routes that need a session";
    [
        (
            SESSION,
            cookie(
                "better-auth.session_token",
                "The session of a browser, which a sign-in sets over plain HTTP",
            ),
        ),
        (
            SECURE_SESSION,
            cookie(
                "__Secure-better-auth.session_token",
                "The session of a browser, which a sign-in sets over HTTPS",
            ),
        ),
        (
            API_KEY,
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                "x-api-key",
                key,
            ))),
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
