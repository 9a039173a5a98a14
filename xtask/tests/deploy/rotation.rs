//! A password that changes while the function runs.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use xtask::emulator::Instance;

use crate::deployment;

/// A server that asks `app` for a password, which the others on this machine do not.
struct Server {
    folder: PathBuf,
    keeper: Child,
    port: u16,
}

impl Server {
    async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("xtask-rotation-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        let mut keeper = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["keep-postgres", "test"])
            .env("CARGO_TARGET_DIR", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let server = Self {
            folder,
            keeper,
            port: port.trim().parse().unwrap(),
        };
        let rules: String = sqlx::query_scalar("show hba_file")
            .fetch_one(&mut server.connect().await)
            .await
            .unwrap();
        let others = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, format!("host all app all scram-sha-256\n{others}")).unwrap();
        server.execute("select pg_reload_conf()").await;
        server
            .execute("create role app login superuser password 'one'")
            .await;
        server.execute("create database app").await;
        server
    }

    async fn connect(&self) -> PgConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        PgConnection::connect(&url).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connect().await)
            .await
            .unwrap();
    }

    /// The address for `app`, with that password.
    fn address(&self, password: &str) -> String {
        format!("postgres://app:{password}@127.0.0.1:{}/app", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

async fn status(projects: &Instance) -> u64 {
    let path = xtask::workspace().join("events/projects-list.json");
    let event: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let answer = projects.invoke(&event).await.unwrap();
    answer.response["statusCode"].as_u64().unwrap()
}

#[tokio::test]
async fn a_rotated_password_is_read_again_and_the_instance_lives_on() {
    let server = Server::start().await;
    let deployment = deployment(&server.address("one")).await;
    assert_eq!(
        deployment.migrate("Create").await.unwrap()["Status"],
        "SUCCESS"
    );
    let projects = deployment.start("projects").await.unwrap();
    assert_eq!(status(&projects).await, 200);

    server.execute("alter role app password 'two'").await;
    server
        .execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
        .await;
    // The connection that broke, and those that are refused while the secret is behind.
    assert_eq!(status(&projects).await, 503);
    assert_eq!(status(&projects).await, 503);

    let rotated = json!({ "DATABASE_URL": server.address("two") }).to_string();
    let secret = &deployment.database_secret;
    deployment
        .aws
        .change_secret(secret, &rotated)
        .await
        .unwrap();
    // The secret is asked for every five seconds at most.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(status(&projects).await, 200);
}

#[tokio::test]
async fn a_secret_that_rds_rotates_has_the_two_parts_that_change() {
    let server = Server::start().await;
    let mut deployment = deployment("unused").await;
    let address = format!("postgres://127.0.0.1:{}/app", server.port);
    for name in ["migrate", "projects"] {
        let environment = &mut deployment.function(name).environment;
        environment.insert("DATABASE_URL".to_owned(), address.clone());
    }
    let parts = json!({ "username": "app", "password": "one" }).to_string();
    let secret = &deployment.database_secret;
    deployment.aws.change_secret(secret, &parts).await.unwrap();

    assert_eq!(
        deployment.migrate("Create").await.unwrap()["Status"],
        "SUCCESS"
    );
    let projects = deployment.start("projects").await.unwrap();
    assert_eq!(status(&projects).await, 200);
}
