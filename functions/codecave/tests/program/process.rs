//! A running program, and requests to it.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use provider::{Person, Provider};
use reqwest::{
    Client, Method, RequestBuilder, Response,
    header::{LOCATION, SET_COOKIE},
    redirect::Policy,
};
use serde_json::{Value, json};
use testkit::ports::free_port;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// Maximum time of a start and of an end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program with these arguments and no configuration.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codecave"));
    command
        .args(arguments)
        .env_clear()
        .envs(testkit::process::counters())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A program that serves plain HTTP. Dropping it kills the process.
pub struct Process {
    child: Child,
    client: Client,
    pub provider: Provider,
    pub port: u16,
}

impl Process {
    /// Starts the program with this argument and the database of this address, and waits until it listens.
    pub async fn start(argument: &str, database: &str) -> Self {
        let provider = Provider::start().await.unwrap();
        let port = free_port().unwrap();
        let child = command(&[argument])
            .envs(provider.settings())
            .env("BETTER_AUTH_SECRET", "a-secret-of-these-tests-0123456789")
            .env("BETTER_AUTH_URL", format!("http://localhost:{port}"))
            .env("DATABASE_URL", database)
            .env("NODE_ENV", "production")
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        testkit::process::listening(port).await.unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(PATIENCE);
        Self {
            child,
            client: client.build().unwrap(),
            provider,
            port,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://localhost:{}{path}", self.port);
        self.client
            .request(method, url)
            .header("origin", "http://localhost:3000")
    }

    pub async fn status(&self, path: &str) -> u16 {
        let response = self.request(Method::GET, path).send().await.unwrap();
        response.status().as_u16()
    }

    /// Signs a new person in as a browser does. Returns the session's cookie.
    pub async fn sign_in(&self, login: &str) -> String {
        let person = self.provider.register(Person::new(login));
        let begun = self
            .request(Method::POST, "/api/auth/sign-in/social")
            .json(&json!({ "provider": "github", "callbackURL": "/" }))
            .send()
            .await
            .unwrap();
        let state = cookies(&begun);
        let begun: Value = begun.json().await.unwrap();
        let authorize = begun["url"].as_str().unwrap();
        // The stand-in's page redirects to the callback.
        let callback = self.provider.sign_in(authorize, &person);
        let signed_in = self.client.get(callback).header("cookie", state);
        let signed_in = signed_in.send().await.unwrap();
        assert_eq!(
            signed_in.status(),
            302,
            "{:?}",
            signed_in.headers()[LOCATION]
        );
        cookies(&signed_in)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
    }

    pub async fn ended(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }
}

/// The cookies that a response sets, as a browser sends them back.
fn cookies(response: &Response) -> String {
    let set = response.headers().get_all(SET_COOKIE);
    let pairs: Vec<&str> = set
        .iter()
        .filter_map(|cookie| cookie.to_str().unwrap().split(';').next())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    pairs.join("; ")
}
