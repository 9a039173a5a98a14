//! The document of all groups: operations joined with the rules of their routes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use axum::{extract::FromRef, http::Method};
use utoipa::openapi::{
    Components, Content, HeaderBuilder, HttpMethod, Info, License, OpenApi, OpenApiBuilder, Paths,
    Ref, RefOr, Required, Response, ResponseBuilder, Schema, Server,
    content::ContentBuilder,
    path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::ComponentsBuilder,
    security::{
        ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
    },
    tag::TagBuilder,
};

use super::{
    Operation,
    operation::{Failure, header},
    schema::{self, Named, Use},
};
use crate::{
    AppState,
    http::{Access, Api, Spend},
};

/// Statuses that a refusal can have, with their names in the document.
const REFUSALS: [(u16, &str, &str); 13] = [
    (
        400,
        "BadRequest",
        "A rule of the body or the query is broken",
    ),
    (401, "Unauthorized", "No credential, or a bad one"),
    (403, "Forbidden", "Known, and not allowed"),
    (
        404,
        "NotFound",
        "No such thing, or not visible to the caller",
    ),
    (405, "MethodNotAllowed", "Not by this method"),
    (409, "Conflict", "In conflict with what is stored"),
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
    (429, "TooManyRequests", "A rate limit is used up"),
    (
        500,
        "InternalServerError",
        "A bug; tell us the `X-Request-Id`",
    ),
    (502, "BadGateway", "A provider did not answer as it should"),
    (
        503,
        "ServiceUnavailable",
        "The database or the storage cannot be reached",
    ),
];

/// Headers of answers.
const HEADERS: [(&str, &str); 10] = [
    ("X-Request-Id", "Names this request in our logs"),
    ("ETag", "Names this state; send it back as `If-None-Match`"),
    (
        "Link",
        "`rel=\"next\"`: where the next page is, when there is one (RFC 8288)",
    ),
    ("Location", "Where it is"),
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
        "`true` where the answer is the one of an earlier request",
    ),
];

const SESSION: &str = "session";
const SECURE_SESSION: &str = "secureSession";
const API_KEY: &str = "apiKey";
const BEARER: &str = "bearer";

/// One group's part of the document.
pub struct Group {
    name: &'static str,
    description: &'static str,
    /// Better Auth's protocol instead of ours.
    exact: bool,
    routes: Vec<Rule>,
    operations: Vec<Operation>,
}

/// What a route says about itself.
#[derive(Clone)]
struct Rule {
    method: Method,
    path: &'static str,
    access: Access,
    spend: Spend,
    raw_body: bool,
}

impl Group {
    /// The routes of `api` as `operations` describe them.
    pub fn new<S>(api: &Api<S>, description: &'static str, operations: Vec<Operation>) -> Self
    where
        S: Clone + Send + Sync + 'static,
        AppState: FromRef<S>,
    {
        let routes = api.routes().iter().map(|route| Rule {
            method: route.method.clone(),
            path: route.path,
            access: route.access,
            spend: route.spend,
            raw_body: route.raw_body,
        });
        Self {
            name: api.name(),
            description,
            exact: api.is_exact(),
            routes: routes.collect(),
            operations,
        }
    }
}

/// The document of all groups.
///
/// # Errors
/// A route without an operation, an operation without a route, an id used twice, or one name for two schemas. All are
/// reported together.
pub fn document(version: &str, groups: Vec<Group>) -> anyhow::Result<OpenApi> {
    let mut problems = Vec::new();
    let mut paths = Paths::new();
    let mut ids = BTreeSet::new();
    let mut schemas = Schemas::default();
    let mut tags = Vec::new();
    for group in groups {
        tags.push(
            TagBuilder::new()
                .name(group.name)
                .description(Some(group.description))
                .build(),
        );
        for route in &group.routes {
            if !group.operations.iter().any(|operation| route.is(operation)) {
                problems.push(format!("{} {} is not described", route.method, route.path));
            }
        }
        for operation in group.operations {
            if !ids.insert(operation.id) {
                problems.push(format!("the id {} is used twice", operation.id));
            }
            let Some(route) = group.routes.iter().find(|route| route.is(&operation)) else {
                problems.push(format!(
                    "{} {} is not mounted",
                    operation.method, operation.path
                ));
                continue;
            };
            schemas.add(&operation, group.exact);
            let method = http_method(&operation.method)?;
            let path = operation.path.replace("{*", "{");
            let described = describe(operation, route, group.name, group.exact);
            paths.add_path_operation(path, vec![method], described);
        }
    }
    let components = schemas.finish(&mut problems);
    if !problems.is_empty() {
        bail!("the OpenAPI document is wrong:\n{}", problems.join("\n"));
    }
    let mut info = Info::new("CodeCave API", version);
    info.description = Some(
        "Everything but `/api/auth` answers errors as `Error`; `/api/auth` is Better Auth's protocol. Lists are bare \
         arrays, paged by `limit` and `cursor`, with the next page in `Link`. Clients must ignore properties that they \
         do not know."
            .to_owned(),
    );
    info.license = Some(License::new("MIT"));
    Ok(OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components))
        .build())
}

impl Rule {
    fn is(&self, operation: &Operation) -> bool {
        self.method == operation.method && self.path == operation.path
    }

    fn is_safe(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether the guard looks sessions up.
    fn knows_caller(&self) -> bool {
        self.is_limited() || !matches!(self.access, Access::Public(_))
    }

    fn is_limited(&self) -> bool {
        self.spend != Spend::Nothing
    }
}

fn http_method(method: &Method) -> anyhow::Result<HttpMethod> {
    Ok(match *method {
        Method::GET => HttpMethod::Get,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => bail!("{method} is not used here"),
    })
}

/// Adds to an operation what its route and the request stack give it.
fn describe(
    operation: Operation,
    route: &Rule,
    tag: &str,
    exact: bool,
) -> utoipa::openapi::path::Operation {
    let refusals = refusals(&operation, route, exact);
    let mut described = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(operation.id))
        .summary(Some(operation.summary))
        .description(operation.description)
        .securities(Some(security(&operation, route)));
    for parameter in path_parameters(&operation) {
        described = described.parameter(parameter);
    }
    for parameter in operation.parameters {
        described = described.parameter(parameter);
    }
    if operation.idempotent {
        described = described.parameter(header_parameter(
            "Idempotency-Key",
            "Makes a retry safe: for 24 hours the same key answers the same",
            schema::text()
                .min_length(Some(1))
                .max_length(Some(255))
                .pattern(Some("^[ -~]+$")),
        ));
    }
    if let Some(body) = operation.body {
        let mut request = RequestBodyBuilder::new().required(Some(if body.required {
            Required::True
        } else {
            Required::False
        }));
        for media_type in body.media_types {
            request = request.content(*media_type, Content::new(Some(body.schema.clone())));
        }
        described = described.request_body(Some(request.build()));
    }
    let mut conditional = false;
    for (status, mut response) in operation.answers {
        let mut names = vec!["X-Request-Id"];
        let is_json = response.content.contains_key("application/json");
        if status == 200 && is_json && route.is_safe() && !exact {
            names.push("ETag");
            conditional = true;
        }
        if route.is_limited() && !exact {
            names.extend(["RateLimit", "RateLimit-Policy"]);
        }
        if operation.idempotent {
            names.push("Idempotent-Replayed");
        }
        for name in names {
            response
                .headers
                .insert(name.to_owned(), RefOr::Ref(header(name)));
        }
        described = described.response(status.to_string(), response);
    }
    if conditional {
        described = described
            .parameter(header_parameter(
                "If-None-Match",
                "`ETag`s of states that you have already",
                schema::text(),
            ))
            .response("304", Ref::from_response_name("NotModified"));
    }
    for (status, failure) in refusals {
        let response = match (refusal_name(status, exact), failure) {
            (Some(name), Failure::Error) => RefOr::Ref(Ref::from_response_name(name)),
            _ => RefOr::T(empty(status)),
        };
        described = described.response(status.to_string(), response);
    }
    described.build()
}

fn header_parameter(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// The parameters that the path names and the operation does not describe: opaque ids.
fn path_parameters(operation: &Operation) -> Vec<Parameter> {
    operation
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
        .filter(|name| !operation.parameters.iter().any(|known| known.name == *name))
        .map(|name| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema::text().min_length(Some(1))))
                .build()
        })
        .collect()
}

/// Any one of these lets the caller in; the empty one is for nobody in particular.
fn security(operation: &Operation, route: &Rule) -> Vec<SecurityRequirement> {
    let nothing: [&str; 0] = [];
    let needs = |name: &str| SecurityRequirement::new(name, nothing);
    match route.access {
        Access::Public(_) if operation.signed_in => vec![needs(SESSION), needs(SECURE_SESSION)],
        Access::Public(_) if !route.knows_caller() => vec![SecurityRequirement::default()],
        Access::Public(_) => vec![
            SecurityRequirement::default(),
            needs(SESSION),
            needs(SECURE_SESSION),
            needs(API_KEY),
            needs(BEARER),
        ],
        Access::Session | Access::Metrics => vec![
            needs(SESSION),
            needs(SECURE_SESSION),
            needs(API_KEY),
            needs(BEARER),
        ],
        Access::SessionOnly => vec![needs(SESSION), needs(SECURE_SESSION)],
    }
}

/// Every status that the operation may refuse with, the stack's included.
fn refusals(operation: &Operation, route: &Rule, exact: bool) -> BTreeMap<u16, Failure> {
    // A bad API key is refused on public routes too, and so is one without the scope.
    let mut statuses = vec![401, 403, 500, 503];
    let takes_query = operation
        .parameters
        .iter()
        .any(|parameter| parameter.parameter_in == ParameterIn::Query);
    if takes_query || operation.body.is_some() {
        statuses.push(400);
    }
    if exact {
        statuses.push(429);
        if !route.is_safe() {
            statuses.extend([400, 413, 415]);
        }
    } else {
        // A NUL in the query, whoever reads that.
        statuses.push(400);
        if route.is_limited() {
            statuses.push(429);
        }
        if !route.is_safe() && !route.raw_body {
            statuses.extend([413, 415]);
        }
        if operation.path.contains('{') {
            statuses.push(404);
        }
    }
    if operation.idempotent {
        statuses.extend([409, 422]);
    }
    let mut refusals: BTreeMap<u16, Failure> = statuses
        .into_iter()
        .map(|status| (status, Failure::Error))
        .collect();
    refusals.extend(operation.failures.clone());
    refusals.retain(|status, _| !operation.answers.contains_key(status));
    refusals
}

fn refusal_name(status: u16, exact: bool) -> Option<String> {
    let (_, name, _) = REFUSALS.iter().find(|(known, _, _)| *known == status)?;
    Some(if exact {
        format!("Auth{name}")
    } else {
        (*name).to_owned()
    })
}

fn empty(status: u16) -> Response {
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
struct Schemas {
    named: Vec<(Named, bool)>,
    optional: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Schemas {
    fn add(&mut self, operation: &Operation, exact: bool) {
        self.named
            .extend(operation.schemas.iter().map(|named| (named.clone(), exact)));
        for (name, properties) in &operation.optional {
            self.optional
                .entry(name.clone())
                .or_default()
                .extend(properties.iter().copied());
        }
    }

    /// Answers say what is always there; bodies are closed, but for Better Auth's, which ignores what it does not know.
    fn finish(self, problems: &mut Vec<String>) -> Components {
        let mut known: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
        for (named, exact) in self.named {
            let mut schema = named.schema;
            match named.used {
                Use::Answer => {
                    let optional: Vec<&str> = self
                        .optional
                        .get(&named.name)
                        .map(|properties| properties.iter().copied().collect())
                        .unwrap_or_default();
                    schema::require_all(&mut schema, &optional);
                }
                Use::Body if exact => {}
                Use::Body => schema::close(&mut schema),
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
                    .schema(Some(schema::text()))
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
