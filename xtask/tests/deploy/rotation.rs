//! Passwords that change while a function runs.

use std::time::Duration;

use serde_json::json;
use testkit::emulator::Instance;

use crate::{deployment, server::Server};

async fn status(projects: &Instance) -> u64 {
    let event = xtask::events::read("projects-list-projects").unwrap();
    let answer = projects.invoke(&event).await.unwrap();
    answer.response["statusCode"].as_u64().unwrap()
}

#[tokio::test]
async fn an_instance_reads_a_rotated_password_again() {
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
    // The first request loses its connection. Until the secret changes, new connections are rejected.
    assert_eq!(status(&projects).await, 503);
    assert_eq!(status(&projects).await, 503);

    let rotated = json!({ "DATABASE_URL": server.address("two") }).to_string();
    let secret = &deployment.database_secret;
    deployment
        .aws
        .change_secret(secret, &rotated)
        .await
        .unwrap();
    // The function reads the secret at most every five seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(status(&projects).await, 200);
}

#[tokio::test]
async fn a_secret_of_rds_supplies_user_and_password() {
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
