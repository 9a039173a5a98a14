//! The document of all groups. It combines the descriptions of routes with the consequences of their rules.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use axum::{
    extract::FromRef,
    http::{Method, StatusCode},
};
use serde_json::Value;
use utoipa::openapi::{
    Content, HttpMethod, Info, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr,
    Required, Response, ResponseBuilder, Server,
    extensions::Extensions,
    path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    security::SecurityRequirement,
    tag::TagBuilder,
};

use super::{
    components::{API_KEY, BEARER, SECURE_SESSION, SESSION, Schemas},
    refusals::{self, Refusal},
    schema::header,
};
use crate::{
    AppState,
    http::{
        Access, Api, RateClass, RouteRules,
        describe::{self, Answer, Failure, Operation, ParameterPlace, Property, Schema},
    },
};

/// Name of an operation's property with the group that serves it.
const FUNCTION: &str = "x-function";

const ABOUT: &str = "\
Errors have the body `Error`, and those of `/api/auth`, which is Better Auth's protocol, the body `AuthError`. The gateway \
before the API has errors with `message` alone, so branch on the status. Every response has an `X-Request-Id`, which finds \
the request in the logs.

Lists are arrays, paged by `limit` and `cursor`. The `Link` header has the address of the next page, and is absent on the \
last one.

`PUT` changes the properties that the body has: an absent one keeps its value, `null` clears it. Ignore properties of \
responses that you do not know: more may be added.

Sign in with a browser session or an API key. 429 and 503 have a `Retry-After`. A request with an `Idempotency-Key` can be \
repeated safely.";

/// One group's part of the document.
pub struct DescribedGroup {
    name: &'static str,
    about: &'static str,
    /// Whether the group has Better Auth's protocol.
    exact: bool,
    routes: Vec<(RouteRules, Operation)>,
}

impl<S> From<&Api<S>> for DescribedGroup
where
    S: Clone + Send + Sync + 'static,
    AppState: FromRef<S>,
{
    fn from(api: &Api<S>) -> Self {
        let routes = api.routes().iter();
        Self {
            name: api.name(),
            about: api.about(),
            exact: api.is_exact(),
            routes: routes
                .map(|route| (route.rules.clone(), route.operation.clone()))
                .collect(),
        }
    }
}

/// The document of all groups. `topics` are the headings of its operations, with a line on each, in reading order.
///
/// # Errors
/// A route without a summary, a topic or with an unknown one, a topic without routes, a name used twice, or one name for
/// two schemas. All are reported together.
pub fn document(
    version: &str,
    topics: &[(&str, &str)],
    groups: Vec<DescribedGroup>,
) -> anyhow::Result<OpenApi> {
    let mut problems = Vec::new();
    let mut paths = Paths::new();
    let mut names = BTreeSet::new();
    let mut schemas = Schemas::default();
    let mut functions = serde_json::Map::new();
    let mut unused: BTreeSet<&str> = topics.iter().map(|(name, _)| *name).collect();
    for group in groups {
        functions.insert(group.name.to_owned(), group.about.into());
        for (rules, operation) in group.routes {
            if operation.summary.is_empty() {
                problems.push(format!("{} has no summary", rules.name));
            }
            unused.remove(operation.topic);
            if !topics.iter().any(|(name, _)| *name == operation.topic) {
                let topic = operation.topic;
                problems.push(format!("{} has the unknown topic {topic:?}", rules.name));
            }
            if !names.insert(rules.name) {
                problems.push(format!("the name {} is used twice", rules.name));
            }
            schemas.add(&operation, group.exact);
            let method = http_method(&rules.method)?;
            let path = rules.path.replace("{*", "{");
            let described = describe(operation, &rules, group.name, group.exact);
            paths.add_path_operation(path, vec![method], described);
        }
    }
    let unused = unused
        .into_iter()
        .map(|topic| format!("the topic {topic:?} has no route"));
    problems.extend(unused);
    let components = schemas.finish(&paths, &mut problems);
    if !problems.is_empty() {
        bail!("the OpenAPI document is wrong:\n{}", problems.join("\n"));
    }
    let mut info = Info::new("CodeCave API", version);
    info.description = Some(ABOUT.to_owned());
    info.license = Some(
        LicenseBuilder::new()
            .name("MIT")
            .identifier(Some("MIT"))
            .build(),
    );
    let tags = topics.iter().map(|(name, about)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*about))
            .build()
    });
    let mut document = OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components))
        .build();
    let functions = ("x-functions", Value::Object(functions));
    document.extensions = Some(Extensions::from_iter([functions]));
    Ok(document)
}

/// Returns whether requests count against a quota.
fn is_limited(rules: &RouteRules) -> bool {
    rules.counted_as != RateClass::Unlimited
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

/// Adds the parts that follow from the route's rules and the request stack.
fn describe(
    operation: Operation,
    rules: &RouteRules,
    function: &str,
    exact: bool,
) -> utoipa::openapi::path::Operation {
    let failures = failures(&operation, rules, exact);
    let mut described = OperationBuilder::new()
        .tag(operation.topic)
        .extensions(Some(Extensions::from_iter([(FUNCTION, function)])))
        .operation_id(Some(rules.name))
        .summary(Some(operation.summary))
        .securities(Some(security(&operation, rules)));
    if !operation.description.is_empty() {
        described = described.description(Some(operation.description));
    }
    for parameter in path_parameters(&operation, rules.path) {
        described = described.parameter(parameter);
    }
    for (place, property) in &operation.parameters {
        described = described.parameter(parameter(*place, property));
    }
    if operation.idempotent {
        described = described.parameter(idempotency_key());
    }
    if let Some(body) = operation.body {
        let mut request = RequestBodyBuilder::new().required(Some(required(body.required)));
        for media_type in body.media_types {
            request = request.content(*media_type, Content::new(Some(body.schema.clone())));
        }
        described = described.request_body(Some(request.build()));
    }
    let mut conditional = false;
    for (status, answer) in operation.answers {
        let is_json = answer
            .content
            .iter()
            .any(|(media_type, _)| *media_type == "application/json");
        let mut names = vec!["X-Request-Id"];
        if status == 200 && is_json && rules.is_read() && !exact {
            names.push("ETag");
            conditional = true;
        }
        // The handler of a route without JSON may set an `ETag`.
        conditional |= answer.headers.contains(&"ETag");
        if is_limited(rules) && !exact {
            names.extend(["RateLimit", "RateLimit-Policy"]);
        }
        if operation.idempotent {
            names.push("Idempotent-Replayed");
        }
        described = described.response(status.to_string(), response(status, answer, &names));
    }
    if conditional {
        described = described
            .parameter(header_parameter(
                "If-None-Match",
                "`ETag`s of versions that the client has",
                describe::text(None, None),
            ))
            .response("304", Ref::from_response_name("NotModified"));
    }
    for (status, failure) in failures {
        let response = match (Refusal::of(status), failure) {
            (Some(refusal), Failure::Error) => {
                RefOr::Ref(Ref::from_response_name(refusal.reference(exact)))
            }
            _ => RefOr::T(refusals::empty(status)),
        };
        described = described.response(status.to_string(), response);
    }
    described.build()
}

fn required(required: bool) -> Required {
    if required {
        Required::True
    } else {
        Required::False
    }
}

fn response(status: u16, answer: Answer, headers: &[&str]) -> Response {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let mut response = ResponseBuilder::new().description(reason);
    for (media_type, schema) in answer.content {
        response = response.content(media_type, Content::new(schema));
    }
    let names = answer.headers.iter().chain(headers);
    names
        .fold(response, |response, name| {
            response.header_ref(*name, header(name))
        })
        .build()
}

fn parameter(place: ParameterPlace, property: &Property) -> Parameter {
    ParameterBuilder::new()
        .name(property.name)
        .parameter_in(match place {
            ParameterPlace::Path => ParameterIn::Path,
            ParameterPlace::Query => ParameterIn::Query,
        })
        .required(required(property.required))
        .description(Some(property.about))
        .schema(Some(property.schema.clone()))
        .build()
}

fn idempotency_key() -> Parameter {
    use utoipa::openapi::{ObjectBuilder, schema::Type};
    let printable = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[ -~]+$"));
    header_parameter(
        "Idempotency-Key",
        "Makes a retry safe: for 24 hours the same key returns the same response",
        printable.into(),
    )
}

fn header_parameter(name: &str, description: &str, schema: Schema) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// Returns the parameters of the path that the operation does not describe. They are opaque ids.
fn path_parameters(operation: &Operation, path: &str) -> Vec<Parameter> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
        .filter(|name| {
            let mut known = operation.parameters.iter();
            !known.any(|(_, property)| property.name == *name)
        })
        .map(|name| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(
                    name.strip_suffix("Id")
                        .map(|thing| format!("Id of the {thing}")),
                )
                .schema(Some(describe::text(Some(1), None)))
                .build()
        })
        .collect()
}

/// Returns the alternatives of credentials. The empty one is for anonymous callers.
fn security(operation: &Operation, rules: &RouteRules) -> Vec<SecurityRequirement> {
    let nothing: [&str; 0] = [];
    let needs = |name: &str| SecurityRequirement::new(name, nothing);
    let session = || vec![needs(SESSION), needs(SECURE_SESSION)];
    let session_or_key = || [session(), vec![needs(API_KEY), needs(BEARER)]].concat();
    match rules.access {
        Access::ByHandler(_) if operation.signed_in => session(),
        Access::ByHandler(_) => vec![SecurityRequirement::default()],
        Access::Public(_) if !is_limited(rules) => vec![SecurityRequirement::default()],
        Access::Public(_) => [vec![SecurityRequirement::default()], session_or_key()].concat(),
        Access::Session | Access::Metrics => session_or_key(),
        Access::SessionOnly => session(),
    }
}

/// Returns every status of an error response, including those of the request stack.
fn failures(operation: &Operation, rules: &RouteRules, exact: bool) -> BTreeMap<u16, Failure> {
    // An invalid API key, or one without the scope, is rejected on public routes too.
    let mut statuses = vec![401, 403, 500, 503];
    let takes_query = operation
        .parameters
        .iter()
        .any(|(place, _)| *place == ParameterPlace::Query);
    if takes_query || operation.body.is_some() {
        statuses.push(400);
    }
    if exact {
        statuses.push(429);
        if !rules.is_read() {
            statuses.extend([400, 413, 415]);
        }
    } else {
        // A NUL in the query is rejected even if the handler does not read the query.
        statuses.push(400);
        // Guesses at API keys are limited even where requests are not.
        if is_limited(rules) || matches!(rules.access, Access::Metrics) {
            statuses.push(429);
        }
        if !rules.is_read() {
            statuses.extend([413, 415]);
        }
        if rules.path.contains('{') {
            statuses.push(404);
        }
    }
    if operation.idempotent {
        statuses.extend([409, 422]);
    }
    let mut failures: BTreeMap<u16, Failure> = statuses
        .into_iter()
        .map(|status| (status, Failure::Error))
        .collect();
    failures.extend(operation.failures.clone());
    failures.retain(|status, _| !operation.answers.contains_key(status));
    failures
}
