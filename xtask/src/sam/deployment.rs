//! The functions with exactly the environment of the template.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, ensure};
use axum::{Router, extract::State, routing::put};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use testkit::emulator::Instance;
use tokio::net::TcpListener;
use url::Url;

use super::aws::Aws;
use crate::{
    dev, events, seed,
    template::{Stack, StackFunction},
};

/// Origin of a frontend that the functions do not trust by default.
const FRONTEND: &str = "https://frontend.example";

/// Deletes all rows and keeps the schema.
const EMPTY: &str = r"
    do $$ begin
        execute (
            select 'truncate ' || string_agg(quote_ident(tablename), ', ') from pg_tables
            where schemaname = 'public' and tablename <> '_sqlx_migrations'
        );
    end $$
";

/// A stack over an emulated AWS on this machine.
pub struct Deployment {
    /// The emulated AWS.
    pub aws: Aws,
    /// ARN of the secret with the application's keys.
    pub app_secret: String,
    /// ARN of the secret with the OAuth credentials.
    pub auth_secret: String,
    /// ARN of the secret with the address of the database, or with its user.
    pub database_secret: String,
    database: String,
    functions: BTreeMap<String, StackFunction>,
    binaries: HashMap<String, PathBuf>,
}

/// An event and the response to it.
pub struct Replayed {
    /// Name of its file, without the extension.
    pub event: String,
    /// The response, as the gateway receives it.
    pub answer: Value,
}

impl Deployment {
    /// Configures the binaries as the template does for an existing database. Creates the secrets of the template, and
    /// fills them as its outputs describe.
    pub async fn new(binaries: HashMap<String, PathBuf>, database: &str) -> anyhow::Result<Self> {
        let aws = Aws::start().await?;
        let text = json!({ "DATABASE_URL": database }).to_string();
        let database_secret = aws.create_secret("database", &text).await?;
        let parameters = [("DatabaseSecretArn", database_secret.as_str())];
        Self::of(binaries, aws, database, &database_secret, &parameters, &[]).await
    }

    /// Like [`Self::new`], for a new database at this address, whose owner has this name and password.
    pub async fn with_new_database(
        binaries: HashMap<String, PathBuf>,
        database: &str,
        owner: [&str; 2],
    ) -> anyhow::Result<Self> {
        let aws = Aws::start().await?;
        // The secret has the format of RDS, without the parts that repeat the address.
        let text =
            json!({ "username": owner[0], "password": owner[1], "engine": "aurora-postgresql" });
        let owner = aws.create_secret("owner", &text.to_string()).await?;
        let user = generated("DatabaseUserSecret", "generated")?.to_string();
        let user = aws.create_secret("user", &user).await?;
        let known = [
            ("Database.MasterUserSecret.SecretArn", owner.as_str()),
            ("DatabaseUserSecret", &user),
        ];
        let mut deployment = Self::of(binaries, aws, database, &user, &[], &known).await?;
        let mut address = Url::parse(database)?;
        let unnamed = address
            .set_username("")
            .and_then(|()| address.set_password(None));
        ensure!(unnamed.is_ok(), "the database has no address");
        for function in deployment.functions.values_mut() {
            let variables = &mut function.environment;
            variables.insert("DATABASE_URL".to_owned(), address.to_string());
        }
        Ok(deployment)
    }

    async fn of(
        binaries: HashMap<String, PathBuf>,
        aws: Aws,
        database: &str,
        database_secret: &str,
        parameters: &[(&str, &str)],
        known: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        // The key that signs the cookies of the events, and the user of these cookies.
        let mut app = generated("AppSecret", dev::SECRET)?;
        app["ADMIN_USER_IDS"] = events::ADA.into();
        let auth = Stack::new(&[], &[])?.resource("AuthSecret")?;
        let auth = auth.context("the template has no secret for OAuth")?;
        let text = auth["SecretString"]
            .as_str()
            .context("the secret for OAuth has no text")?;
        let mut auth: Value = serde_json::from_str(text)?;
        for name in ["GITHUB_CLIENT", "GOOGLE_CLIENT"] {
            for part in ["ID", "SECRET"] {
                let place = auth.get_mut(format!("{name}_{part}"));
                *place.context("the secret has no OAuth credentials")? = "filled-in".into();
            }
        }
        let app_secret = aws.create_secret("app", &app.to_string()).await?;
        let auth_secret = aws.create_secret("auth", &auth.to_string()).await?;
        let parameters = [parameters, &[("FrontendUrl", FRONTEND)]].concat();
        let made = [
            ("AppSecret", app_secret.as_str()),
            ("AuthSecret", &auth_secret),
            (
                "Api.ApiEndpoint",
                "https://abc123.execute-api.eu-central-1.amazonaws.com",
            ),
        ];
        let functions = Stack::new(&parameters, &[&made, known].concat())?
            .functions()?
            .into_iter()
            .map(|function| (function.binary.clone(), function))
            .collect();
        Ok(Self {
            aws,
            app_secret,
            auth_secret,
            database_secret: database_secret.to_owned(),
            database: database.to_owned(),
            functions,
            binaries,
        })
    }

    /// Returns a function, whose configuration may be changed before it starts.
    pub fn function(&mut self, name: &str) -> &mut StackFunction {
        self.functions
            .entry(name.to_owned())
            .or_insert_with(|| unreachable!("the template has no {name}"))
    }

    /// Starts an instance of the function.
    pub async fn start(&self, name: &str) -> anyhow::Result<Instance> {
        let binary = self.binaries.get(name);
        let binary = binary.with_context(|| format!("{name} was not built"))?;
        let function = self.functions.get(name);
        let function = function.with_context(|| format!("the template has no {name}"))?;
        let variables: Vec<_> = function
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(self.aws.variables())
            .collect();
        Instance::start(binary, &variables).await
    }

    /// Sends a request of CloudFormation to the migrate function. Returns the response.
    pub async fn migrate(&self, request: &str) -> anyhow::Result<Value> {
        self.migrate_with(request, &json!({})).await
    }

    /// Like [`Self::migrate`], with these fields in the request.
    pub async fn migrate_with(&self, request: &str, fields: &Value) -> anyhow::Result<Value> {
        let answers: Arc<Mutex<Vec<Value>>> = Arc::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/answer", put(take))
            .with_state(answers.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let mut event = events::read("migrate-create")?;
        event["RequestType"] = request.into();
        if request != "Create" {
            event["PhysicalResourceId"] = "migrations".into();
        }
        for (name, value) in fields.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event["ResponseURL"] = format!("http://{address}/answer").into();

        let instance = self.start("migrate").await?;
        let invoked = instance.invoke(&event).await;
        server.abort();
        invoked.with_context(|| instance.logs().join("\n"))?;
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.pop().context("CloudFormation was not answered")
    }

    /// Sends the events of these functions, each to a database with only the sample data. Returns an error if a
    /// function does not start, or lists the responses that are not as expected.
    pub async fn replay(&self, functions: &[&str]) -> anyhow::Result<Vec<Replayed>> {
        let mut db = PgConnection::connect(&self.database).await?;
        let mut replayed = Vec::new();
        let mut wrong = Vec::new();
        let expected = events::expected()?;
        for function in functions {
            let instance = self.start(function).await?;
            let of_function = |event: &str| event.split('-').next() == Some(function);
            for (event, status) in expected.iter().filter(|(event, _)| of_function(event)) {
                sqlx::raw_sql(EMPTY).execute(&mut db).await?;
                seed::sample(&mut db).await?;
                match check(&instance, events::read(event)?, *status).await {
                    Ok(answer) => replayed.push(Replayed {
                        event: event.clone(),
                        answer,
                    }),
                    Err(error) => wrong.push(format!("{event}: {error:#}")),
                }
            }
        }
        db.close().await?;
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(replayed)
    }

    /// Starts every function, and verifies that it calls exactly the actions of AWS that the template allows.
    pub async fn check_permissions(&self) -> anyhow::Result<()> {
        self.aws.calls();
        for (name, function) in &self.functions {
            if name == "migrate" {
                self.migrate("Update").await?;
            } else {
                self.start(name).await?;
            }
            let asked = self.aws.calls();
            // Objects are requested later, and from another service.
            let allowed = function.allowed.iter();
            let allowed: BTreeSet<_> = allowed
                .filter(|(action, _)| !action.starts_with("s3:"))
                .cloned()
                .collect();
            ensure!(
                asked == allowed,
                "{name} asks for {asked:?} and is allowed {allowed:?}"
            );
        }
        Ok(())
    }
}

/// Returns the text that CloudFormation generates for a secret of the template, with this value for the generated key.
fn generated(secret: &str, value: &str) -> anyhow::Result<Value> {
    let made = Stack::new(&[], &[])?.resource(secret)?;
    let made = made.context("the template has no such secret")?;
    let made = &made["GenerateSecretString"];
    let key = made["GenerateStringKey"]
        .as_str()
        .context("the secret has no key to generate")?;
    let text = made["SecretStringTemplate"]
        .as_str()
        .context("the secret has no text")?;
    let mut secret: Value = serde_json::from_str(text)?;
    secret[key] = value.into();
    Ok(secret)
}

async fn take(State(answers): State<Arc<Mutex<Vec<Value>>>>, body: String) {
    let answer = serde_json::from_str(&body).unwrap_or_default();
    answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(answer);
}

/// Sends the preflight of a browser and then the event. Returns the response if both are as expected.
async fn check(instance: &Instance, event: Value, status: u16) -> anyhow::Result<Value> {
    // Browsers send only events of HTTP APIs.
    if event["version"] == "2.0" {
        let preflight = instance.invoke(&preflight(event.clone())).await?.response;
        let allowed = &preflight["headers"]["access-control-allow-origin"];
        ensure!(
            preflight["statusCode"] == 204 && allowed == FRONTEND,
            "its preflight is answered with {preflight}"
        );
    }
    let answer = instance.invoke(&event).await?.response;
    ensure!(
        answer["statusCode"] == status,
        "{} instead of {status}: {}",
        answer["statusCode"],
        answer["body"]
    );
    Ok(answer)
}

/// Returns the preflight of the event's request from the frontend.
fn preflight(mut event: Value) -> Value {
    let method = event["requestContext"]["http"]["method"].take();
    event["requestContext"]["http"]["method"] = "OPTIONS".into();
    event["headers"]["origin"] = FRONTEND.into();
    event["headers"]["access-control-request-method"] = method;
    event["cookies"] = json!([]);
    event["body"] = Value::Null;
    event
}
