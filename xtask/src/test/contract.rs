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
use testkit::{target, workspace};
use tokio::time::timeout;
use url::Url;

use super::{
    outcome::{Failure, Outcome, Tally},
    runner,
};
use crate::{
    bundle,
    sam::Tools,
    seed,
    stage::{self, METRICS_TOKEN, Stage},
};

/// Settings of the bundle: quotas that no run uses up.
const SETTINGS: [(&str, &str); 5] = [
    ("RATE_LIMIT_ANON", PLENTY),
    ("RATE_LIMIT_CREATE", PLENTY),
    ("RATE_LIMIT_READ", PLENTY),
    ("RATE_LIMIT_SENTRY", PLENTY),
    ("RATE_LIMIT_WRITE", PLENTY),
];

const PLENTY: &str = "1000000/60";

/// How many lines are shown of each failure.
const REASON: usize = 3;

/// How long a run may take; the number of requests is bounded in `schemathesis.toml`.
const PATIENCE: Duration = Duration::from_mins(10);

/// What schemathesis reports of its run.
#[derive(Deserialize)]
struct Report {
    test_cases: TestCases,
    exit_code: i32,
}

#[derive(Deserialize)]
struct TestCases {
    generated: u32,
    with_failures: u32,
}

/// Runs schemathesis against the bundle.
pub async fn run(server: &str) -> anyhow::Result<Outcome> {
    let tools = Tools::schemathesis().await?;
    bundle::build().await?;
    let failed = |outcome: &Outcome| !outcome.is_success();
    stage::with_bundle("contract", server, &SETTINGS, failed, async |stage| {
        check(&tools, stage).await
    })
    .await
}

/// Sends what the document allows and what it does not, as somebody who has projects and, where it takes one, as an admin.
async fn check(tools: &Tools, stage: &Stage) -> anyhow::Result<Outcome> {
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
    let mut schemathesis = tools.command("schemathesis")?;
    schemathesis
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", stage.url())])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report)
        .env("SESSION", session)
        .env("ADMIN_SESSION", admin_session)
        .env("METRICS_TOKEN", METRICS_TOKEN)
        .current_dir(&folder);
    let running = runner::run("contract", &mut schemathesis, |_| {
        Some("running".to_owned())
    });
    let finished = timeout(PATIENCE, running)
        .await
        .context("schemathesis takes too long")??;
    let report = fs::read_to_string(report).context("schemathesis did not run to its end")?;
    let report: Report = serde_json::from_str(&report)?;
    let failed = report.test_cases.with_failures;
    Ok(Outcome {
        suite: "contract",
        tally: Tally {
            passed: report.test_cases.generated - failed,
            failed,
            skipped: 0,
        },
        failures: failures(&finished.lines),
        flaky: Vec::new(),
        success: report.exit_code == 0,
        duration: finished.duration,
        log: finished.log,
    })
}

/// The operations under which schemathesis lists what is wrong, with the first lines of each list.
fn failures(lines: &[String]) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    for line in lines {
        let text = line.trim();
        if let Some(name) = text.strip_prefix("____") {
            failures.push(Failure {
                test: name.trim_matches(['_', ' ']).to_owned(),
                reason: Vec::new(),
                repeat: "cargo xtask test contract".to_owned(),
            });
        } else if let Some(failure) = failures.last_mut()
            && (text.starts_with("- ") || text.starts_with("curl "))
            && failure.reason.len() < REASON
        {
            failure.reason.push(text.to_owned());
        }
    }
    failures
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
