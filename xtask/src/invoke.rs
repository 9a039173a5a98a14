//! `cargo xtask invoke`: sends an event of `events/` to its function and prints the response.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use testkit::{
    emulator::Instance,
    postgres::{Postgres, Server},
    workspace,
};

use crate::{
    bundle::{self, FUNCTIONS},
    dev, events, migrate, seed,
    variables::Variables,
};

/// Options of `cargo xtask invoke`
#[derive(Clone, Debug, clap::Args)]
pub struct InvokeOptions {
    /// Name of a file in events/, without `.json`
    event: String,
    /// Port of a running `cargo xtask dev` or `cargo lambda watch`; if nothing listens, the function is started
    #[arg(long, default_value_t = 3001)]
    port: u16,
}

/// Sends the event to the running function, or else starts the function for it. Prints the response.
pub async fn run(options: &InvokeOptions) -> anyhow::Result<()> {
    let event = read(&options.event)?;
    let function = function(&options.event)?;
    let answer = match running(options.port, function, &event).await? {
        Some(answer) => answer,
        None => started(function, &event).await?,
    };
    print!("{}", text(&answer));
    Ok(())
}

/// Reads the event. If it does not exist, the error lists similar names.
fn read(name: &str) -> anyhow::Result<Value> {
    if events::folder().join(format!("{name}.json")).exists() {
        return events::read(name);
    }
    let mut alike: Vec<String> = std::fs::read_dir(events::folder())?
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let known = file.strip_suffix(".json")?.to_owned();
            (known.contains(name) || known.split('-').next() == name.split('-').next())
                .then_some(known)
        })
        .collect();
    alike.sort();
    ensure!(
        !alike.is_empty(),
        "there is no event {name} in events/; names of events begin with {}",
        FUNCTIONS.join(", ")
    );
    bail!(
        "there is no event {name} in events/; similar ones are:\n  {}",
        alike.join("\n  ")
    )
}

fn function(event: &str) -> anyhow::Result<&'static str> {
    let first = event.split('-').next().unwrap_or_default();
    FUNCTIONS
        .into_iter()
        .find(|name| *name == first)
        .with_context(|| format!("no function that serves requests has the event {event}"))
}

/// Returns the response of the function behind this port, or `None` if nothing listens there.
async fn running(port: u16, function: &str, event: &Value) -> anyhow::Result<Option<Value>> {
    let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/{function}/invocations");
    let client = Client::builder().no_proxy().build()?;
    let response = match client.post(&url).json(event).send().await {
        Err(error) if error.is_connect() => return Ok(None),
        response => response.with_context(|| format!("port {port} does not respond"))?,
    };
    let failed = response.headers().contains_key("x-amz-function-error");
    let status = response.status();
    let body = response.text().await?;
    ensure!(
        status == StatusCode::OK,
        "port {port} answers {status}: {body}"
    );
    ensure!(!failed, "{function} failed: {body}");
    let answer = serde_json::from_str(&body)
        .with_context(|| format!("the program on port {port} is not `cargo xtask dev`"))?;
    Ok(Some(answer))
}

/// Starts the function over the development database and sends it the event.
async fn started(function: &str, event: &Value) -> anyhow::Result<Value> {
    eprintln!("Nothing is running, so {function} is built and started for this event …");
    let binaries = bundle::build().await?;
    let binary = binaries
        .get(function)
        .with_context(|| format!("{function} was not built"))?;
    let mut variables = Variables::read(&workspace().join(".env"))?;
    let mut postgres = None;
    if variables.get("DATABASE_URL").is_none() {
        let started = Postgres::start(Server::Dev, &std::env::current_exe()?)?;
        migrate::create_database(started.url()).await?;
        migrate::run(started.url()).await?;
        let mut db = PgConnection::connect(started.url()).await?;
        // The event names ids of the sample data.
        seed::sample(&mut db).await?;
        db.close().await?;
        variables.set("DATABASE_URL", started.url());
        postgres = Some(started);
    }
    dev::set_defaults(&mut variables);
    let variables = variables.into_pairs();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let instance = Instance::start(binary, &variables).await?;
    let outcome = instance.invoke(event).await;
    for line in instance.logs() {
        eprintln!("{line}");
    }
    drop(postgres);
    Ok(outcome?.response)
}

/// Formats the response as an HTTP response, with indented JSON.
fn text(answer: &Value) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parts {
        status_code: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        cookies: Vec<String>,
        body: Option<String>,
        #[serde(default)]
        is_base64_encoded: bool,
    }
    let Ok(parts) = Parts::deserialize(answer) else {
        return format!("{answer:#}\n");
    };
    let status = StatusCode::from_u16(parts.status_code);
    let mut lines = vec![match &status {
        Ok(status) => status.to_string(),
        Err(_) => parts.status_code.to_string(),
    }];
    let headers = parts.headers.iter();
    lines.extend(headers.map(|(name, value)| format!("{name}: {value}")));
    let cookies = parts.cookies.iter();
    lines.extend(cookies.map(|cookie| format!("set-cookie: {cookie}")));
    let body = parts.body.unwrap_or_default();
    if !body.is_empty() {
        lines.push(String::new());
        lines.push(if parts.is_base64_encoded {
            format!("({} characters of base64)", body.len())
        } else {
            match serde_json::from_str::<Value>(&body) {
                Ok(json) => format!("{json:#}"),
                Err(_) => body,
            }
        });
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_printed_as_a_response() {
        let answer = json!({
            "statusCode": 200,
            "headers": { "content-type": "application/json" },
            "multiValueHeaders": {},
            "cookies": ["a=1; Path=/", "b=2"],
            "body": r#"{"name":"Ada"}"#,
            "isBase64Encoded": false,
        });

        assert_eq!(
            text(&answer),
            "200 OK\ncontent-type: application/json\nset-cookie: a=1; Path=/\nset-cookie: b=2\n\n\
             {\n  \"name\": \"Ada\"\n}\n"
        );
    }

    #[test]
    fn an_unknown_event_is_rejected_with_similar_names() {
        let error = read("users-get").unwrap_err().to_string();
        assert!(error.contains("users-get-profile"), "{error}");

        let error = read("nonsense").unwrap_err().to_string();
        assert!(error.contains("auth, users"), "{error}");
        assert!(function("migrate-create").is_err());
    }
}
