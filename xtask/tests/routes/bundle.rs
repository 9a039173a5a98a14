//! All five functions in one process.

use std::collections::BTreeMap;

use auth::AuthState;
use axum::http::Method;
use health::HealthState;
use serde_json::{Map, Value};
use shared::{
    http::{Access, Api},
    openapi::{DescribedGroup, document},
};
use sqlx::PgPool;
use testing::{Answer, App, Caller};

use crate::sample;

/// Returns the OpenAPI document of all five groups as JSON.
pub fn openapi() -> anyhow::Result<Value> {
    let groups = vec![
        DescribedGroup::from(&auth::api()),
        DescribedGroup::from(&users::api()),
        DescribedGroup::from(&projects::api()),
        DescribedGroup::from(&social::api()),
        DescribedGroup::from(&health::api()),
    ];
    let document = document(env!("CARGO_PKG_VERSION"), &xtask::openapi::TOPICS, groups)?;
    let mut document = serde_json::to_value(document)?;
    xtask::openapi::add_examples(&mut document)?;
    Ok(document)
}

/// A route that a function mounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mounted {
    pub function: &'static str,
    pub method: String,
    pub path: &'static str,
    /// The reason why it is public, if it is.
    pub public: Option<&'static str>,
}

/// Returns all routes of all functions.
pub fn mounted() -> Vec<Mounted> {
    fn of<S>(api: &Api<S>) -> Vec<Mounted>
    where
        S: Clone + Send + Sync + 'static,
        shared::AppState: axum::extract::FromRef<S>,
    {
        let routes = api.routes().iter().map(|route| Mounted {
            function: api.name(),
            method: route.rules.method.to_string(),
            path: route.rules.path,
            public: match route.rules.access {
                Access::Public(reason) | Access::ByHandler(reason) => Some(reason),
                _ => None,
            },
        });
        routes.collect()
    }
    [
        of(&auth::api()),
        of(&users::api()),
        of(&projects::api()),
        of(&social::api()),
        of(&health::api()),
    ]
    .concat()
}

/// An operation of the OpenAPI document.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: String,
    pub function: String,
    pub method: Method,
    pub path: String,
    /// Whether it may be called without a credential.
    pub public: bool,
    pub details: Value,
}

impl Operation {
    /// Whether the path has this parameter.
    pub fn takes(&self, parameter: &str) -> bool {
        self.path.contains(&format!("{{{parameter}}}"))
    }

    /// Returns the schema of the JSON body, or null.
    pub fn body(&self) -> &Value {
        &self.details["requestBody"]["content"]["application/json"]["schema"]
    }

    /// Returns the names of the query parameters.
    pub fn queries(&self) -> Vec<String> {
        self.details["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Returns the path with these values for its parameters. Other parameters get a value that names nothing.
    pub fn filled(&self, values: &[(&str, &str)]) -> String {
        let known = values
            .iter()
            .fold(self.path.clone(), |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), value)
            });
        let segments = known.split('/').map(|segment| {
            if segment.starts_with('{') {
                "unknown"
            } else {
                segment
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// Returns all operations of a document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let empty = Map::new();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, details) in methods.as_object().unwrap() {
            let security = details["security"].as_array().unwrap();
            operations.push(Operation {
                id: details["operationId"].as_str().unwrap().to_owned(),
                function: details["x-function"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                public: security.iter().any(|way| way.as_object() == Some(&empty)),
                details: details.clone(),
            });
        }
    }
    operations
}

/// The five functions over one database.
pub struct Bundle {
    apps: BTreeMap<&'static str, App>,
    document: Value,
}

impl Bundle {
    pub fn new(db: &PgPool) -> Self {
        let variables = &[];
        let app = |api: Api| App::configured(api, db.clone(), variables);
        Self {
            apps: BTreeMap::from([
                (
                    "auth",
                    App::with_state(auth::api(), db.clone(), variables, |app| {
                        AuthState::new(app).unwrap()
                    }),
                ),
                ("users", app(users::api())),
                ("projects", app(projects::api())),
                ("social", app(social::api())),
                (
                    "health",
                    App::with_state(health::api(), db.clone(), variables, HealthState::new),
                ),
            ]),
            document: openapi().unwrap(),
        }
    }

    pub fn operations(&self) -> Vec<Operation> {
        operations(&self.document)
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Returns an anonymous caller.
    pub fn anyone(&self) -> Somebody {
        Somebody(
            self.apps
                .iter()
                .map(|(name, app)| (*name, app.anyone()))
                .collect(),
        )
    }

    /// Creates a session of an existing user.
    pub async fn session(&self, user_id: &str) -> Somebody {
        let mut callers = BTreeMap::new();
        for (name, app) in &self.apps {
            callers.insert(*name, app.session(user_id).await);
        }
        Somebody(callers)
    }

    /// Sends a request with the smallest body that the document allows.
    pub async fn send(&self, somebody: &Somebody, operation: &Operation, path: &str) -> Answer {
        self.send_body(somebody, operation, path, self.least(operation))
            .await
    }

    /// Returns the smallest body that the document allows, if the operation has a body.
    pub fn least(&self, operation: &Operation) -> Option<Value> {
        let schema = operation.body();
        (!schema.is_null()).then(|| sample::of(&self.document, schema))
    }

    /// Returns the names of the fields of a body.
    pub fn fields(&self, operation: &Operation) -> Option<Vec<String>> {
        let schema = sample::resolved(&self.document, operation.body());
        Some(schema["properties"].as_object()?.keys().cloned().collect())
    }

    /// Returns the fields of a body, or of an object in it, with their schemas.
    pub fn properties(&self, operation: &Operation, inner: &str) -> Vec<(String, Value)> {
        let mut schema = sample::resolved(&self.document, operation.body());
        if let Some(name) = inner.strip_prefix('/') {
            schema = sample::resolved(&self.document, &schema["properties"][name]);
        }
        let properties = schema["properties"].as_object().unwrap();
        properties
            .iter()
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect()
    }

    /// Sends a request with this body.
    pub async fn send_body(
        &self,
        somebody: &Somebody,
        operation: &Operation,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let caller = somebody.at(&operation.function);
        caller.send(operation.method.clone(), path, body).await
    }

    /// Returns bodies with one field each.
    pub fn single_fields(&self, operation: &Operation) -> Vec<Value> {
        sample::single_fields(&self.document, operation.body())
    }
}

/// A caller of all functions.
pub struct Somebody(BTreeMap<&'static str, Caller>);

impl Somebody {
    /// Adds a header to each request.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        for caller in self.0.values_mut() {
            *caller = caller.clone().header(name, value);
        }
        self
    }

    /// Returns the caller of this function.
    pub fn at(&self, function: &str) -> &Caller {
        &self.0[function]
    }
}
