//! The running bundle held to its own OpenAPI document by schemathesis, which makes up requests from it.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use reqwest::{
    Client, Response,
    header::{COOKIE, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use testkit::{process::Group, target, workspace};
use tokio::time::timeout;
use url::Url;

use crate::{
    sam::Tools,
    seed,
    stage::{METRICS_TOKEN, Stage},
};

/// Settings of the bundle: quotas that no run uses up.
pub const SETTINGS: [(&str, &str); 5] = [
    ("RATE_LIMIT_ANON", PLENTY),
    ("RATE_LIMIT_CREATE", PLENTY),
    ("RATE_LIMIT_READ", PLENTY),
    ("RATE_LIMIT_SENTRY", PLENTY),
    ("RATE_LIMIT_WRITE", PLENTY),
];

const PLENTY: &str = "1000000/60";

/// How long a run may take; the number of requests is bounded in `schemathesis.toml`.
const PATIENCE: Duration = Duration::from_mins(10);

/// What schemathesis says of its run.
#[derive(Deserialize)]
pub struct Report {
    test_cases: TestCases,
    exit_code: i32,
}

#[derive(Deserialize)]
struct TestCases {
    generated: u32,
    with_failures: u32,
}

impl Report {
    pub fn passed(&self) -> u32 {
        self.test_cases.generated - self.test_cases.with_failures
    }

    pub fn failed(&self) -> u32 {
        self.test_cases.with_failures
    }

    pub fn success(&self) -> bool {
        self.exit_code == 0
    }
}

/// Sends what the document allows and what it does not, as somebody who has projects and, where it takes one, as an admin.
pub async fn check(tools: &Tools, stage: &Stage) -> anyhow::Result<Report> {
    let mut db = PgConnection::connect(&stage.database).await?;
    seed::run(&mut db, &seed::Options::default()).await?;
    let session = sign_in(stage.url(), "github", "ada").await?;
    let admin_session = sign_in(stage.url(), "google", "grace").await?;
    sqlx::query(ADMIN).execute(&mut db).await?;
    let folder = target().join("contract");
    fs::create_dir_all(&folder)?;
    configure(&folder, &mut db).await?;
    db.close().await?;

    let report = folder.join("report.json");
    let _ = fs::remove_file(&report);
    let mut schemathesis = Group::spawn(
        tools
            .command("schemathesis")?
            .arg("--config-file")
            .arg(folder.join("schemathesis.toml"))
            .args(["run", &format!("{}/openapi.json", stage.url())])
            .args(["--report", "json", "--report-json-path"])
            .arg(&report)
            .env("SESSION", session)
            .env("ADMIN_SESSION", admin_session)
            .env("METRICS_TOKEN", METRICS_TOKEN)
            .current_dir(&folder),
    )?;
    timeout(PATIENCE, schemathesis.wait())
        .await
        .context("schemathesis takes too long")??;
    let report = fs::read_to_string(report).context("schemathesis did not run to its end")?;
    Ok(serde_json::from_str(&report)?)
}

/// Puts the configuration there, with the ids of what is in the database.
async fn configure(folder: &Path, db: &mut PgConnection) -> anyhow::Result<()> {
    let source = workspace().join("xtask");
    let mut text = fs::read_to_string(source.join("schemathesis.toml"))?;
    let dictionaries: Vec<(String, Vec<String>)> =
        sqlx::query_as(DICTIONARIES).fetch_all(db).await?;
    for (name, values) in dictionaries {
        // A JSON array of texts is one of TOML too.
        writeln!(text, "\n[dictionaries.{name}]\nvalues = {}", json!(values))?;
    }
    fs::write(folder.join("schemathesis.toml"), text)?;
    fs::copy(
        source.join("schemathesis.py"),
        folder.join("schemathesis.py"),
    )?;
    Ok(())
}

const ADMIN: &str = r#"update "user" set role = 'admin' where email = 'grace@example.com'"#;

const DICTIONARIES: &str = r#"
    select 'projects', array_agg(id order by id) from projects
    union all
    select 'comments', array_agg(id order by id) from comments
    union all
    select 'users', array_agg(id order by id) from "user"
    union all
    select 'strangers', array_agg(id) from "user" where email = 'radia@example.com'
    union all
    select 'logins', array_agg("githubUsername" order by id) from "user" where "githubUsername" is not null
"#;

/// Signs in as one of the sample's people, as a browser does; what it sends as `Cookie` from then on.
async fn sign_in(api: &str, service: &str, login: &str) -> anyhow::Result<String> {
    let browser = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()?;
    let asked = browser
        .post(format!("{api}/api/auth/sign-in/social"))
        .json(&json!({ "provider": service, "callbackURL": "/" }))
        .send()
        .await?;
    let state = cookies(&asked);
    let asked: Value = asked.json().await?;
    let mut page: Url = asked["url"]
        .as_str()
        .context("no address to sign in at")?
        .parse()?;
    page.query_pairs_mut().append_pair("login", login);

    let agreed = browser.get(page).send().await?;
    let callback = agreed
        .headers()
        .get(LOCATION)
        .context("the provider lets nobody in")?;
    let signed_in = browser
        .get(callback.to_str()?)
        .header(COOKIE, state)
        .send()
        .await?;
    let session = cookies(&signed_in);
    ensure!(session.contains("session_token="), "nobody is signed in");
    Ok(session)
}

fn cookies(answer: &Response) -> String {
    let pairs: Vec<&str> = answer
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    pairs.join("; ")
}
