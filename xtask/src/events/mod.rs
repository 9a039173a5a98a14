//! `cargo xtask events`: writes an API Gateway event for every operation of the OpenAPI document into `events/`.
//!
//! The events carry the session of the sample user Ada and name ids of the sample data. They work wherever the sample
//! data is: under `cargo xtask dev`, and in the tests of the deployment.

pub(crate) mod examples;

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};
use testkit::workspace;
use url::form_urlencoded;

use crate::template::Stack;
pub use examples::{API_KEY, TOKEN};
use examples::{EXAMPLES, Example, NAMES};

/// Signature of [`TOKEN`] in the cookie: its HMAC with the default secret of `cargo xtask dev`.
const SIGNATURE: &str = "Lgb3d8YcfTJF1QI7ntDkrjss%2B8Jvadxu95z6JRgKRWs%3D";
/// Id of the sample user Ada.
pub const ADA: &str = "7ea752362ea3a0b8f020317d6cdb6b11";

/// Names and statuses of the events that are not generated: those for no operation, or in another format.
const OTHERS: [(&str, u16); 4] = [
    ("auth-finish-sign-in-v1", 302),
    ("auth-sign-in-social-binary", 200),
    ("health-unknown-route", 404),
    ("projects-list-projects-function-url", 200),
];

/// The folder of the events.
pub fn folder() -> PathBuf {
    workspace().join("events")
}

/// Reads the event of this name. The name has no extension.
pub fn read(name: &str) -> anyhow::Result<Value> {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{name} is not JSON"))
}

/// Writes the event of each operation.
pub fn write() -> anyhow::Result<()> {
    let made = make()?;
    for (name, event) in &made {
        let text = serde_json::to_string_pretty(event)? + "\n";
        fs::write(folder().join(format!("{name}.json")), text)?;
    }
    println!("{} events", made.len());
    Ok(())
}

/// Returns the expected status of each HTTP event, by name of the event.
pub fn expected() -> anyhow::Result<BTreeMap<String, u16>> {
    let others = OTHERS
        .iter()
        .map(|(name, status)| ((*name).to_owned(), *status));
    let operations = operations()?
        .into_iter()
        .map(|operation| (operation.name(), operation.status));
    Ok(operations.chain(others).collect())
}

/// Returns the event of each operation, by name.
pub fn make() -> anyhow::Result<BTreeMap<String, Value>> {
    let routes = Stack::new(&[], &[])?.routes();
    operations()?
        .into_iter()
        .map(|operation| Ok((operation.name(), operation.event(&routes)?)))
        .collect()
}

/// An operation of the OpenAPI document, with an example request.
struct Operation {
    id: String,
    function: String,
    method: String,
    path: String,
    /// Status of the response.
    status: u16,
    query: String,
    /// JSON text, or an empty string.
    body: String,
}

/// Returns all operations of the OpenAPI document. Fails if an example has no operation.
fn operations() -> anyhow::Result<Vec<Operation>> {
    let document = fs::read(workspace().join("functions/health/openapi.json"))?;
    let document: Value = serde_json::from_slice(&document)?;
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, details) in methods.as_object().into_iter().flatten() {
            operations.push(Operation::new(path, method, details)?);
        }
    }
    for Example { operation, .. } in EXAMPLES {
        let known = operations.iter().any(|known| known.id == *operation);
        ensure!(known, "the example {operation} has no operation");
    }
    Ok(operations)
}

impl Operation {
    /// Takes the request from `EXAMPLES`, or else from the document: a required body has an example there, and the request
    /// succeeds.
    fn new(path: &str, method: &str, details: &Value) -> anyhow::Result<Self> {
        let id = details["operationId"].as_str().unwrap_or_default();
        let example = EXAMPLES.iter().find(|example| example.operation == id);
        let (status, query, body) = if let Some(example) = example {
            (example.status, filled(example.query), filled(example.body))
        } else {
            let status = success(details).with_context(|| format!("{id} never succeeds"))?;
            (status, String::new(), required_body(details))
        };
        Ok(Self {
            id: id.to_owned(),
            function: details["x-function"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            status,
            query,
            body,
        })
    }

    /// The name of the event: `users-get-profile` for `getProfile` of the users function.
    fn name(&self) -> String {
        let mut name = self.function.clone() + "-";
        for letter in self.id.chars() {
            if letter.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    fn event(&self, routes: &[String]) -> anyhow::Result<Value> {
        let path = filled(&self.path);
        let route = route(routes, &self.path);
        let query = &self.query;
        let mut event = json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": query,
            // A browser that used the API both over TLS and without it sends both cookies.
            "cookies": [
                "theme=dark",
                format!("better-auth.session_token={TOKEN}.{SIGNATURE}"),
                format!("__Secure-better-auth.session_token={TOKEN}.{SIGNATURE}"),
            ],
            "headers": {
                "accept": "application/json",
                "host": "api.codecave.tech",
                "origin": "https://codecave.tech",
                "user-agent": AGENT,
                "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
                "x-forwarded-for": "203.0.113.17",
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "r3pmxmplak",
                "domainName": "api.codecave.tech",
                "domainPrefix": "api",
                "http": {
                    "method": self.method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.17",
                    "userAgent": AGENT,
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": route,
                "stage": "$default",
                "time": "15/Jan/2025:10:30:00 +0000",
                "timeEpoch": 1_736_937_000_000_u64,
            },
            "isBase64Encoded": false,
        });
        let parameters = path_parameters(&route, &path);
        if !parameters.is_empty() {
            event["pathParameters"] = parameters.into();
        }
        if !query.is_empty() {
            event["queryStringParameters"] = query_parameters(query).into();
        }
        if !self.body.is_empty() {
            serde_json::from_str::<Value>(&self.body)
                .with_context(|| format!("the body of {}", self.id))?;
            event["headers"]["content-type"] = "application/json".into();
            event["headers"]["content-length"] = self.body.len().to_string().into();
            event["body"] = self.body.clone().into();
        }
        Ok(event)
    }
}

/// Returns the lowest status of a success that the operation describes.
fn success(details: &Value) -> Option<u16> {
    let statuses = details["responses"].as_object()?.keys();
    statuses
        .filter_map(|status| status.parse().ok())
        .filter(|status| (200..400).contains(status))
        .min()
}

/// Returns the document's example of the operation's body, or an empty string if the operation requires no JSON body.
fn required_body(details: &Value) -> String {
    let body = &details["requestBody"];
    let example = body.pointer("/content/application~1json/example");
    match example {
        Some(example) if body["required"] == true => example.to_string(),
        _ => String::new(),
    }
}

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Replaces the placeholders in the text.
pub(crate) fn filled(text: &str) -> String {
    NAMES
        .iter()
        .fold(text.to_owned(), |text, (placeholder, name)| {
            text.replace(placeholder, name)
        })
}

/// Returns the key of the gateway's route for the path: its own route, or else the longest greedy route that matches.
fn route(routes: &[String], path: &str) -> String {
    let own = format!("ANY {path}");
    let begins = |route: &&String| {
        let start = route.strip_suffix("{proxy+}").unwrap_or(&own);
        own.len() > start.len() && own.starts_with(start)
    };
    let greedy = || routes.iter().filter(begins).max_by_key(|route| route.len());
    let found = routes.iter().find(|route| **route == own).or_else(greedy);
    found.cloned().unwrap_or_else(|| "$default".to_owned())
}

/// Returns the path parameters that the gateway sends for this route.
fn path_parameters(route: &str, path: &str) -> Map<String, Value> {
    let pattern = route.trim_start_matches("ANY ");
    if let Some(start) = pattern.strip_suffix("{proxy+}") {
        return Map::from_iter([("proxy".to_owned(), path[start.len()..].into())]);
    }
    pattern
        .split('/')
        .zip(path.split('/'))
        .filter_map(|(segment, value)| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            Some((name.to_owned(), value.into()))
        })
        .collect()
}

/// Returns the query parameters as the gateway sends them. It joins the values of one name with commas.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let values = parameters.entry(name.into_owned()).or_default();
        values.push(value.into_owned());
    }
    parameters
        .into_iter()
        .map(|(name, values)| (name, values.join(",").into()))
        .collect()
}
