//! An emulated AWS: moto behind a proxy that records the calls and can delay responses.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{ports::free_port, process::Group};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use super::tools::Tools;

/// Maximum time until moto responds for the first time.
const START: Duration = Duration::from_mins(1);

/// Secrets Manager on this machine. Dropping it ends it.
pub struct Aws {
    door: Arc<Door>,
    address: String,
    server: JoinHandle<()>,
    _moto: Group,
}

struct Door {
    moto: String,
    client: reqwest::Client,
    calls: Mutex<BTreeSet<(String, String)>>,
    delay: Mutex<Duration>,
}

impl Aws {
    /// Starts Secrets Manager without any secrets.
    pub async fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        let moto = Group::spawn(
            Tools::moto()
                .await?
                .command("moto_server")?
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let door = Arc::new(Door {
            moto: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::new(),
            calls: Mutex::default(),
            delay: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(enter).with_state(door.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let aws = Self {
            door,
            address,
            server,
            _moto: moto,
        };
        tokio::time::timeout(START, async {
            while aws.door.client.get(&aws.door.moto).send().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .context("moto does not start")?;
        Ok(aws)
    }

    /// Returns the variables that direct a program's requests to this server, and the credentials that Lambda sets.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", &self.address),
            ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example"),
            ("AWS_SESSION_TOKEN", "example"),
        ]
    }

    /// Creates a secret, and returns its ARN.
    pub async fn create_secret(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let request = json!({ "Name": name, "SecretString": text });
        let answer = self.request("CreateSecret", &request).await?;
        Ok(answer["ARN"]
            .as_str()
            .context("the response has no ARN")?
            .to_owned())
    }

    /// Changes the text of a secret.
    pub async fn change_secret(&self, id: &str, text: &str) -> anyhow::Result<()> {
        let request = json!({ "SecretId": id, "SecretString": text });
        self.request("PutSecretValue", &request).await.map(drop)
    }

    /// Returns the text of a secret.
    pub async fn secret(&self, id: &str) -> anyhow::Result<String> {
        let request = json!({ "SecretId": id });
        let answer = self.request("GetSecretValue", &request).await?;
        let text = answer["SecretString"].as_str();
        Ok(text.context("the response has no text")?.to_owned())
    }

    /// Delays every response from now on.
    pub fn be_slow(&self, delay: Duration) {
        *self
            .door
            .delay
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Returns the actions that programs have called since the last time, each with its resource.
    pub fn calls(&self) -> BTreeSet<(String, String)> {
        let mut calls = self
            .door
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut calls)
    }

    async fn request(&self, action: &str, request: &Value) -> anyhow::Result<Value> {
        let credential = "Credential=test/20260101/eu-central-1/secretsmanager/aws4_request";
        let answer = self
            .door
            .client
            .post(&self.door.moto)
            .header("x-amz-target", format!("secretsmanager.{action}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"),
            )
            .body(request.to_string())
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{action}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn enter(
    State(door): State<Arc<Door>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    // `secretsmanager.GetSecretValue` is written `secretsmanager:GetSecretValue` in policies.
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let action = target.map_or_else(
        || format!("{method} {uri}"),
        |target| target.replace('.', ":"),
    );
    let resource = asked["SecretId"].as_str().unwrap_or_default().to_owned();
    door.calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert((action, resource));
    let delay = *door.delay.lock().unwrap_or_else(PoisonError::into_inner);
    sleep(delay).await;

    headers.remove("host");
    let forwarded = door
        .client
        .request(method, format!("{}{uri}", door.moto))
        .headers(headers)
        .body(body);
    match forwarded.send().await {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.bytes().await.unwrap_or_default();
            (status, headers, Body::from(body)).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
