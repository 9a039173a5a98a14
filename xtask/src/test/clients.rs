//! Runs Better Auth's official clients, this project's TypeScript client and its example against the API.

use std::{collections::HashMap, path::Path};

use anyhow::Context as _;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use testkit::{ports::free_port, storage::LocalStorage, workspace};
use tokio::{process::Command, task::spawn_blocking};

use super::{node, outcome::Outcome, runner};
use crate::stage::{self, Programs};

const ADMIN_ID: &str = "admin-of-the-clients";
const ADMIN_EMAIL: &str = "admin@example.com";

/// Creates the admin before the tests. A test becomes this user by signing in with the address.
const ADMIN: &str = r#"
    insert into "user" (id, name, email, "emailVerified", "updatedAt")
    values ($1, 'Admin', $2, true, now() at time zone 'utc')
"#;

/// Installs the clients and runs their tests with `npm`.
pub async fn run(npm: &Path, server: &str, programs: Programs) -> anyhow::Result<Outcome> {
    let folder = workspace().join("clients");
    node::install(npm, &folder).await?;
    let failed = |outcome: &Outcome| !outcome.is_success();
    // A bucket for the uploads. Without one, their tests are skipped.
    let storage = spawn_blocking(LocalStorage::for_tests).await?;
    // The tests serve the example at this address.
    let port = free_port()?;
    let frontend = format!("http://localhost:{port}");
    let mut settings = vec![
        ("ADMIN_USER_IDS", ADMIN_ID),
        ("API_KEY_RATE_LIMIT_MAX", "10"),
        ("FRONTEND_URL", frontend.as_str()),
    ];
    settings.extend(storage.iter().flat_map(|server| server.variables()));
    stage::with_bundle(
        "clients",
        server,
        programs,
        &settings,
        failed,
        async |stage| {
            let auth = stage.binaries.get("auth").context("auth was not built")?;
            let mut db = PgConnection::connect(&stage.database).await?;
            sqlx::query(ADMIN)
                .bind(ADMIN_ID)
                .bind(ADMIN_EMAIL)
                .execute(&mut db)
                .await?;
            db.close().await?;
            let provider: HashMap<_, _> = stage.provider.settings().into_iter().collect();
            let provider = json!(provider);
            let mut command = Command::new(npm);
            command
                .arg("test")
                .arg("--silent")
                .current_dir(&folder)
                .env("ADMIN_EMAIL", ADMIN_EMAIL)
                .env("AUTH_BINARY", auth)
                .env("BASE_URL", stage.url())
                .env("DATABASE_URL", &stage.database)
                .env("FRONTEND_URL", &frontend)
                .env("PROVIDER_SETTINGS", provider.to_string())
                .env("PROVIDER_URL", stage.provider.url())
                .env("STORAGE", storage.map_or("", LocalStorage::endpoint));
            let mut done = 0_u32;
            let finished = runner::run("clients", &mut command, |line| {
                done += u32::from(line.trim_start().starts_with(['✔', '✖']));
                Some(format!("{done} done"))
            })
            .await?;
            let (tally, failures) = node::read(&finished.lines, "cargo xtask test clients");
            Ok(Outcome {
                suite: "clients",
                tally,
                failures,
                flaky: Vec::new(),
                measured: Vec::new(),
                success: finished.status.success(),
                duration: finished.duration,
                log: Some(finished.log),
            })
        },
    )
    .await
}
