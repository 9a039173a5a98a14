//! `cargo xtask smoke URL`: checks a deployment from outside. Operators and the pipeline use it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

/// Timeout of a request. A paused database needs about 15 s for the first one.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Options of `cargo xtask smoke`
#[derive(Clone, Debug, clap::Args)]
pub struct SmokeOptions {
    /// Public address of the API, for example <https://api.codecave.tech>
    url: String,
    /// Origin of the frontend, whose pages may send credentials
    #[arg(long, default_value = "https://codecave.tech")]
    origin: String,
    /// Configured sign-in providers, separated by commas
    #[arg(long, default_value = "github,google", value_delimiter = ',')]
    providers: Vec<String>,
    /// API key for a request that needs a user; the default is the value of `CODECAVE_API_KEY`
    #[arg(long)]
    key: Option<String>,
    /// Seconds to wait until the deployment is ready
    #[arg(long, default_value_t = 60)]
    wait: u64,
}

/// Runs all checks and prints a line for each.
pub async fn run(options: &SmokeOptions) -> anyhow::Result<()> {
    let smoke = Smoke {
        base: options.url.trim_end_matches('/').to_owned(),
        client: Client::builder()
            .timeout(TIME_LIMIT)
            .redirect(Policy::none())
            .build()?,
        options: options.clone(),
    };
    let mut failed = 0;
    let mut checked = 0;
    let mut report = |name: &str, result: anyhow::Result<()>| {
        checked += 1;
        match result {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                failed += 1;
                println!("failed  {name}: {error:#}");
            }
        }
    };
    report("GET /health/ready", smoke.ready().await);
    report("GET /health", smoke.health().await);
    for provider in &options.providers {
        let name = format!("sign-in at {provider}");
        report(&name, smoke.sign_in(provider).await);
    }
    report(
        "sign-in at a provider that is not there",
        smoke.no_provider().await,
    );
    report("preflight from the frontend", smoke.preflight().await);
    report("preflight from elsewhere", smoke.foreign_preflight().await);
    report("401 without a user", smoke.unauthorized().await);
    report("404 of an unknown path", smoke.not_found().await);
    report("GET /projects", smoke.projects().await);
    report("GET /openapi.json and /docs", smoke.documents().await);
    let given = options.key.clone();
    match given.or_else(|| std::env::var("CODECAVE_API_KEY").ok()) {
        Some(key) => report("a request with an API key", smoke.signed_in(&key).await),
        None => println!("skipped a request with an API key: none was given (--key)"),
    }
    ensure!(failed == 0, "{failed} of {checked} checks failed");
    println!("{checked} checks passed");
    Ok(())
}

struct Smoke {
    base: String,
    client: Client,
    options: SmokeOptions,
}

impl Smoke {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Waits until the database responds.
    async fn ready(&self) -> anyhow::Result<()> {
        let limit = Duration::from_secs(self.options.wait);
        let started = Instant::now();
        loop {
            let outcome = match self.get("/health/ready").send().await {
                Ok(response) => expect(response, StatusCode::OK).map(drop),
                Err(error) => Err(error.into()),
            };
            if outcome.is_ok() || started.elapsed() >= limit {
                return outcome;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn health(&self) -> anyhow::Result<()> {
        let response = expect(self.get("/health").send().await?, StatusCode::OK)?;
        let secure = self.base.starts_with("https://");
        let has_header = response.headers().contains_key("strict-transport-security");
        ensure!(
            !secure || has_header,
            "Strict-Transport-Security is missing"
        );
        ensure!(
            response.headers().contains_key("x-request-id"),
            "X-Request-Id is missing"
        );
        Ok(())
    }

    async fn sign_in(&self, provider: &str) -> anyhow::Result<()> {
        let response = self.start(provider).await?;
        let cookies = texts(&response, header::SET_COOKIE);
        let state = cookies
            .iter()
            .find(|cookie| cookie.contains("better-auth.state="));
        let state = state.context("no state cookie is set")?;
        if self.base.starts_with("https://") {
            ensure!(
                state.starts_with("__Secure-") && state.contains("; Secure"),
                "the state cookie is not secure: the deployment does not know its address (BETTER_AUTH_URL)"
            );
        }
        let body: Value = expect(response, StatusCode::OK)?.json().await?;
        let address = body["url"]
            .as_str()
            .context("the response has no address")?;
        let address = url::Url::parse(address)?;
        let query = |name: &str| {
            let mut pairs = address.query_pairs();
            pairs
                .find(|(found, _)| found == name)
                .map(|(_, value)| value.into_owned())
        };
        ensure!(
            query("client_id").is_some_and(|id| !id.is_empty()),
            "there is no client id"
        );
        let callback = format!("{}/api/auth/callback/{provider}", self.base);
        let found = query("redirect_uri").unwrap_or_default();
        ensure!(
            found == callback,
            "the provider sends the browser to {found}"
        );
        Ok(())
    }

    async fn no_provider(&self) -> anyhow::Result<()> {
        expect(self.start("nobody").await?, StatusCode::NOT_FOUND).map(drop)
    }

    async fn start(&self, provider: &str) -> anyhow::Result<Response> {
        let body = json!({ "provider": provider, "disableRedirect": true });
        Ok(self
            .request(Method::POST, "/api/auth/sign-in/social")
            .header(header::ORIGIN, &self.options.origin)
            .json(&body)
            .send()
            .await?)
    }

    async fn preflight(&self) -> anyhow::Result<()> {
        let response = self.ask_leave(&self.options.origin).await?;
        let allowed = texts(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN);
        ensure!(
            allowed == [self.options.origin.as_str()],
            "allowed: {allowed:?}"
        );
        let credentials = texts(&response, header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        ensure!(credentials == ["true"], "credentials: {credentials:?}");
        expect(response, StatusCode::NO_CONTENT).map(drop)
    }

    async fn foreign_preflight(&self) -> anyhow::Result<()> {
        let response = self.ask_leave("https://elsewhere.example").await?;
        let allowed = texts(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN);
        ensure!(allowed.is_empty(), "allowed: {allowed:?}");
        Ok(())
    }

    async fn ask_leave(&self, origin: &str) -> anyhow::Result<Response> {
        Ok(self
            .request(Method::OPTIONS, "/users/profile")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
            .send()
            .await?)
    }

    async fn unauthorized(&self) -> anyhow::Result<()> {
        let response = self.get("/users/profile").send().await?;
        let body: Value = expect(response, StatusCode::UNAUTHORIZED)?.json().await?;
        ensure!(body["statusCode"] == 401, "{body}");
        Ok(())
    }

    async fn not_found(&self) -> anyhow::Result<()> {
        let response = self.get("/no-such-path").send().await?;
        let body: Value = expect(response, StatusCode::NOT_FOUND)?.json().await?;
        ensure!(body["statusCode"] == 404, "{body}");
        Ok(())
    }

    async fn projects(&self) -> anyhow::Result<()> {
        let response = self.get("/projects?limit=1").send().await?;
        let body: Value = expect(response, StatusCode::OK)?.json().await?;
        ensure!(body.is_array(), "it is no list: {body}");
        Ok(())
    }

    async fn documents(&self) -> anyhow::Result<()> {
        let response = self.get("/openapi.json").send().await?;
        let document: Value = expect(response, StatusCode::OK)?.json().await?;
        ensure!(document["paths"].is_object(), "the document has no paths");
        expect(self.get("/docs").send().await?, StatusCode::OK).map(drop)
    }

    async fn signed_in(&self, key: &str) -> anyhow::Result<()> {
        let response = self
            .get("/users/profile")
            .header("x-api-key", key)
            .send()
            .await?;
        let body: Value = expect(response, StatusCode::OK)?.json().await?;
        ensure!(body["user"]["id"].is_string(), "the profile has no id");
        Ok(())
    }
}

fn expect(response: Response, status: StatusCode) -> anyhow::Result<Response> {
    if response.status() != status {
        bail!(
            "{} instead of {}",
            response.status().as_u16(),
            status.as_u16()
        );
    }
    Ok(response)
}

fn texts(response: &Response, name: header::HeaderName) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.map(str::to_owned).collect()
}
