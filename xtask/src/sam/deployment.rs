//! The functions with the environment that the template gives them, and with nothing else.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, ensure};
use axum::{Router, extract::State, routing::put};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    aws::Aws,
    template::{Function, Stack},
};
use crate::{emulator::Instance, workspace};

/// A stack over an existing database, with AWS played on this machine.
pub struct Deployment {
    /// What plays AWS.
    pub aws: Aws,
    /// ARN of the secret with the application's keys.
    pub app_secret: String,
    /// ARN of the secret with the database's address.
    pub database_secret: String,
    functions: BTreeMap<String, Function>,
    binaries: HashMap<String, PathBuf>,
}

/// One event and what it was answered with.
pub struct Replayed {
    /// Name of its file, without the ending.
    pub event: String,
    /// Status of the answer.
    pub status: u64,
}

impl Deployment {
    /// Binaries by name, as the template would configure them for the database. The secrets are what the template would make,
    /// filled in as its outputs ask for.
    pub async fn new(binaries: HashMap<String, PathBuf>, database: &str) -> anyhow::Result<Self> {
        let aws = Aws::start().await?;
        let made = Stack::new(&[], &[])?
            .resource("AppSecret")?
            .context("there is a secret")?;
        let made = &made["GenerateSecretString"];
        let key = made["GenerateStringKey"].as_str().context("it has a key")?;
        let text = made["SecretStringTemplate"]
            .as_str()
            .context("and a text")?;
        let mut secret: Value = serde_json::from_str(text)?;
        secret[key] = "a-secret-of-these-tests-0123456789abcdefghijklmn".into();
        for name in ["GITHUB_CLIENT", "GOOGLE_CLIENT"] {
            for part in ["ID", "SECRET"] {
                let place = secret.get_mut(format!("{name}_{part}"));
                *place.context("it has a place for OAuth credentials")? = "filled-in".into();
            }
        }
        let app_secret = aws.create_secret("app", &secret.to_string()).await?;
        let database_secret = json!({ "DATABASE_URL": database }).to_string();
        let database_secret = aws.create_secret("database", &database_secret).await?;

        let stack = Stack::new(
            &[("DatabaseSecretArn", &database_secret)],
            &[
                ("AppSecret", &app_secret),
                (
                    "Api.ApiEndpoint",
                    "https://abc123.execute-api.eu-central-1.amazonaws.com",
                ),
            ],
        )?;
        let functions = stack
            .functions()?
            .into_iter()
            .map(|function| (function.binary.clone(), function))
            .collect();
        Ok(Self {
            aws,
            app_secret,
            database_secret,
            functions,
            binaries,
        })
    }

    /// The function as the template has it, to be changed before it starts.
    pub fn function(&mut self, name: &str) -> &mut Function {
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

    /// Has the migrate function do what CloudFormation would ask of it; its answer.
    pub async fn migrate(&self, request: &str) -> anyhow::Result<Value> {
        let answers: Arc<Mutex<Vec<Value>>> = Arc::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/answer", put(take))
            .with_state(answers.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let path = workspace().join("events/migrate-create.json");
        let mut event: Value = serde_json::from_slice(&fs::read(path)?)?;
        event["RequestType"] = request.into();
        event["ResponseURL"] = format!("http://{address}/answer").into();

        let instance = self.start("migrate").await?;
        let invoked = instance.invoke(&event).await;
        server.abort();
        invoked.with_context(|| instance.logs().join("\n"))?;
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.pop().context("CloudFormation was not answered")
    }

    /// Sends each event of `events/` to the function that its name begins with. Fails where one does not start, fails, or
    /// answers with an error of its own.
    pub async fn replay(&self) -> anyhow::Result<Vec<Replayed>> {
        let mut files: Vec<_> = fs::read_dir(workspace().join("events"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        files.sort();
        let mut instances: HashMap<String, Instance> = HashMap::new();
        let mut replayed = Vec::new();
        for file in files {
            let event = file.file_stem().and_then(|name| name.to_str());
            let event = event.context("a file has a name")?;
            let function = event.split('-').next().unwrap_or_default();
            if function == "migrate" {
                continue;
            }
            let instance = match instances.entry(function.to_owned()) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(self.start(function).await?)
                }
            };
            let answer = instance
                .invoke(&serde_json::from_slice(&fs::read(&file)?)?)
                .await
                .with_context(|| format!("{event}:\n{}", instance.logs().join("\n")))?;
            let status = answer.response["statusCode"].as_u64();
            let status = status.with_context(|| format!("{event} has no status"))?;
            ensure!(
                status < 500 || event.contains("sentry-error"),
                "{event} is answered with {}\n{}",
                answer.response,
                instance.logs().join("\n")
            );
            replayed.push(Replayed {
                event: event.to_owned(),
                status,
            });
        }
        Ok(replayed)
    }

    /// Starts every function and compares what it asked AWS for with what the template allows it, in both directions.
    pub async fn check_permissions(&self) -> anyhow::Result<()> {
        self.aws.calls();
        for (name, function) in &self.functions {
            if name == "migrate" {
                self.migrate("Update").await?;
            } else {
                self.start(name).await?;
            }
            let asked = self.aws.calls();
            ensure!(
                asked == function.allowed,
                "{name} asks for {asked:?} and is allowed {:?}",
                function.allowed
            );
        }
        Ok(())
    }
}

async fn take(State(answers): State<Arc<Mutex<Vec<Value>>>>, body: String) {
    let answer = serde_json::from_str(&body).unwrap_or_default();
    answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(answer);
}
