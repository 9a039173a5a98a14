//! Compares the responses of the running API with its OpenAPI document. schemathesis generates the requests from the document.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use testkit::{storage::LocalStorage, target, workspace};
use tokio::time::timeout;

use super::{
    local_storage,
    outcome::{Failure, Outcome, Tally},
    runner,
};
use crate::{
    sam::Tools,
    seed,
    sign_in::sign_in,
    stage::{self, METRICS_TOKEN, Programs, Stage},
};

/// Settings of the API: quotas that are larger than the number of requests.
const SETTINGS: [(&str, &str); 5] = [
    ("RATE_LIMIT_ANON", PLENTY),
    ("RATE_LIMIT_CREATE", PLENTY),
    ("RATE_LIMIT_READ", PLENTY),
    ("RATE_LIMIT_SENTRY", PLENTY),
    ("RATE_LIMIT_WRITE", PLENTY),
];

const PLENTY: &str = "1000000/60";

/// Maximum number of lines that are shown of each failure.
const REASON: usize = 3;

/// Maximum duration of a run. `schemathesis.toml` bounds the number of requests.
const TIMEOUT: Duration = Duration::from_mins(10);

/// The report of schemathesis.
#[derive(Deserialize)]
struct SchemathesisReport {
    test_cases: TestCases,
    exit_code: i32,
}

#[derive(Deserialize)]
struct TestCases {
    generated: u32,
    with_failures: u32,
}

/// Runs schemathesis against the API.
pub async fn run(server: &str, programs: Programs) -> anyhow::Result<Outcome> {
    let tools = Tools::schemathesis().await?;
    let storage = local_storage()?.context("files need a bucket")?;
    let settings = [&SETTINGS[..], &storage.variables()].concat();
    let failed = |outcome: &Outcome| !outcome.is_success();
    let check = async |stage: &Stage| check(&tools, stage, &storage).await;
    stage::with_bundle("contract", server, programs, &settings, failed, check).await
}

/// Sends requests that the document allows and requests that it forbids. The caller owns projects and files, and is an admin
/// for the operations that require one.
async fn check(tools: &Tools, stage: &Stage, storage: &LocalStorage) -> anyhow::Result<Outcome> {
    seed::run(&stage.database.parse()?, &seed::SeedOptions::default()).await?;
    let mut db = PgConnection::connect(&stage.database).await?;
    seed::pictures::insert(&mut db, storage).await?;
    let session = sign_in(stage.url(), "github", "ada").await?;
    let admin_session = sign_in(stage.url(), "github", "hedy").await?;
    let folder = target().join("contract");
    fs::create_dir_all(&folder)?;
    sqlx::raw_sql(FILES).execute(&mut db).await?;
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
    let finished = timeout(TIMEOUT, running)
        .await
        .context("schemathesis takes too long")??;
    let report = fs::read_to_string(report).context("schemathesis did not run to its end")?;
    let report: SchemathesisReport = serde_json::from_str(&report)?;
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
        measured: Vec::new(),
        success: report.exit_code == 0,
        duration: finished.duration,
        log: Some(finished.log),
    })
}

/// Returns the failed operations and the warnings, each with the first lines of its list.
fn failures(lines: &[String]) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    for line in lines {
        let text = line.trim();
        // It repeats the warnings.
        if text.starts_with("==") && text.contains(" SUMMARY ") {
            break;
        }
        let is_warnings = text.starts_with("==") && text.contains(" WARNINGS ");
        if text.starts_with("____") || is_warnings {
            failures.push(Failure {
                test: text.trim_matches(['_', '=', ' ']).to_owned(),
                reason: Vec::new(),
                repeat: "cargo xtask test contract".to_owned(),
            });
        } else if let Some(failure) = failures.last_mut()
            && (text.starts_with("- ") || text.starts_with("curl ") || text.contains(" failed: "))
            && failure.reason.len() < REASON
        {
            failure.reason.push(text.to_owned());
        }
    }
    failures
}

/// Writes the configuration into `folder`, with the ids of rows in the database.
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

/// Makes the pictures avatars of the caller, which no deletion of a project deletes, and adds pending files.
const FILES: &str = r#"
    update upload
    set purpose = 'avatar', "projectId" = null, "userId" = (select id from "user" where email = 'ada@example.com');
    insert into upload (id, "userId", purpose, filename, "contentType", size, "createdAt", "updatedAt")
    select
        'pending-' || number, u.id, 'avatar', 'a.png', 'image/png', 5,
        now() at time zone 'utc', now() at time zone 'utc'
    from "user" u
    cross join generate_series(1, 3) number
    where u.email = 'ada@example.com'
"#;

const DICTIONARIES: &str = r#"
    select 'projects', array_agg(id order by id) from projects
    union all
    select 'comments', array_agg(id order by id) from comments
    union all
    select 'own', array_agg(p.id order by p.id)
    from projects p
    join "user" u on u.id = p."authorId"
    where u.email = 'ada@example.com'
    union all
    select 'files', array_agg(id order by id) from upload
    union all
    select 'pending', array_agg(id order by id) from upload where status = 'pending'
    union all
    select 'users', array_agg(id order by id) from "user"
    union all
    select 'strangers', array_agg(id) from "user" where email = 'radia@example.com'
    union all
    select 'guests', array_agg(id) from "user" where email = 'margaret@example.com'
    union all
    select 'logins', array_agg("githubUsername" order by id) from "user" where "githubUsername" is not null
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_operations_and_warnings_are_read() {
        let lines: Vec<String> = "____ GET /projects ____\n1. Test Case ID: x\n- Server error\n    curl -X GET http://x\n\n\
             ===== WARNINGS =====\n\nAuthentication failed: 1 operation returned only 401/403 responses\n  - GET /users\n\n\
             ===== SUMMARY =====\n\nAuthentication failed: 1 operation returned only 401/403 responses\n"
            .lines()
            .map(ToOwned::to_owned)
            .collect();

        let failures = failures(&lines);

        assert_eq!(failures.len(), 2);
        assert_eq!(failures[0].test, "GET /projects");
        assert_eq!(
            failures[0].reason,
            ["- Server error", "curl -X GET http://x"]
        );
        assert_eq!(failures[1].test, "WARNINGS");
        assert_eq!(
            failures[1].reason,
            [
                "Authentication failed: 1 operation returned only 401/403 responses",
                "- GET /users"
            ]
        );
    }
}
