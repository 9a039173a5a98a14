//! The events of `events/`, sent to functions with the environment of the template.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use sqlx::PgPool;
use xtask::{bundle::FUNCTIONS, events};

use crate::{address, deployment, reason};

#[test]
fn every_operation_has_an_event_and_every_event_is_up_to_date() {
    for (name, event) in events::make().unwrap() {
        let present = events::read(&name).unwrap();
        assert_eq!(present, event, "run `cargo xtask events`: {name}");
    }

    let present: BTreeSet<String> = fs::read_dir(events::folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected: BTreeSet<String> = events::expected()
        .unwrap()
        .into_keys()
        .map(|name| name + ".json")
        .collect();
    expected.insert("migrate-create.json".to_owned());
    assert_eq!(present, expected);
}

#[testkit::test(empty)]
async fn a_new_stack_migrates_and_then_serves_all_events(db: PgPool) {
    let deployment = deployment(&address(&db)).await;

    let answer = deployment.migrate("Create").await.unwrap();
    let replayed = deployment.replay(&FUNCTIONS).await.unwrap();

    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["LogicalResourceId"], "Migration");
    let body = |event: &str| -> Value {
        let found = replayed.iter().find(|replayed| replayed.event == event);
        serde_json::from_str(found.unwrap().answer["body"].as_str().unwrap()).unwrap()
    };
    assert_eq!(body("auth-get-session")["user"]["email"], "ada@example.com");
    assert_eq!(body("users-get-profile")["user"]["name"], "Ada Lovelace");
    assert_eq!(body("projects-get-project")["title"], "Analytical Engine");
    assert_eq!(body("social-follow-user")["isFollowing"], true);
}

#[testkit::test]
async fn an_unexpected_status_is_reported(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    let environment = &mut deployment.function("health").environment;
    environment.insert("SENTRY_TEST_ROUTES".to_owned(), "off".to_owned());

    let error = deployment.replay(&["health"]).await.err().unwrap();

    let error = error.to_string();
    assert!(
        error.contains("health-test-sentry: 404 instead of 200"),
        "{error}"
    );
}

#[testkit::test]
async fn a_missing_frontend_is_reported(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    let environment = &mut deployment.function("users").environment;
    environment.remove("FRONTEND_URL").unwrap();

    let error = deployment.replay(&["users"]).await.err().unwrap();

    let error = error.to_string();
    assert!(error.contains("its preflight is answered"), "{error}");
}

#[testkit::test(empty)]
async fn the_functions_use_exactly_the_permissions_of_the_template(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;

    deployment.check_permissions().await.unwrap();

    let secret = deployment.app_secret.clone();
    let read = ("secretsmanager:GetSecretValue".to_owned(), secret);
    deployment.function("users").allowed.remove(&read);
    let error = deployment.check_permissions().await.unwrap_err();
    assert!(
        format!("{error:#}").starts_with("users asks for"),
        "{error:#}"
    );
}

#[testkit::test]
async fn a_missing_variable_is_reported(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    for (variable, lacking) in [
        ("BETTER_AUTH_URL", "BETTER_AUTH_URL"),
        ("DATABASE_SECRET_ID", "DATABASE_URL"),
        ("APP_SECRETS_ID", "BETTER_AUTH_SECRET"),
    ] {
        for name in FUNCTIONS {
            let forgotten = deployment.function(name).environment.remove(variable);

            let reason = reason(deployment.start(name).await);

            let complaint = format!("Error: Missing required environment variables: {lacking}");
            assert!(reason.starts_with(&complaint), "{name}: {reason}");
            let environment = &mut deployment.function(name).environment;
            environment.insert(variable.to_owned(), forgotten.unwrap());
        }
    }
}
