//! Missing, malformed and slow secrets.

use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::{address, deployment, reason};

#[testkit::test]
async fn a_missing_secret_is_reported(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    let environment = &mut deployment.function("users").environment;
    environment.insert("APP_SECRETS_ID".to_owned(), "nowhere".to_owned());

    let reason = reason(deployment.start("users").await);

    assert_eq!(
        reason,
        "Error: the secret nowhere cannot be read: Secrets Manager can't find the specified secret. \
         (ResourceNotFoundException)"
    );
}

#[testkit::test]
async fn a_malformed_secret_is_reported_and_not_quoted(db: PgPool) {
    let deployment = deployment(&address(&db)).await;
    let secret = &deployment.app_secret;
    for (text, complaint) in [
        ("hunter2", "it is not a JSON object"),
        (r#"["hunter2"]"#, "it is not a JSON object"),
        (
            r#"{"BETTER_AUTH_SECRET": {"current": "hunter2"}}"#,
            "the value of BETTER_AUTH_SECRET is not a text",
        ),
    ] {
        deployment.aws.change_secret(secret, text).await.unwrap();

        let started = deployment.start("users").await;

        let logs = format!("{:#}", started.as_ref().err().unwrap());
        assert!(!logs.contains("hunter2"), "{logs}");
        // The causes are on the following lines.
        assert_eq!(
            reason(started),
            format!("Error: the secret {secret} must be a JSON object of texts")
        );
        assert!(logs.contains(complaint), "{logs}");
    }
}

#[testkit::test]
async fn a_slow_response_is_waited_for_until_the_timeout(db: PgPool) {
    let deployment = deployment(&address(&db)).await;

    deployment.aws.be_slow(Duration::from_millis(1500));
    deployment.start("users").await.unwrap();

    deployment.aws.be_slow(Duration::from_mins(1));
    let started = Instant::now();
    let reason = reason(deployment.start("users").await);

    assert!(
        reason.ends_with("cannot be read: no answer within 5s"),
        "{reason}"
    );
    // Lambda limits the init phase to ten seconds.
    assert!(started.elapsed() < Duration::from_secs(7));
}

#[testkit::test(empty)]
async fn a_migration_without_its_secret_responds_with_a_failure(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    let environment = &mut deployment.function("migrate").environment;
    environment.insert("DATABASE_SECRET_ID".to_owned(), "nowhere".to_owned());

    let answer = deployment.migrate("Create").await.unwrap();

    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the secret nowhere cannot be read"),
        "{reason}"
    );
}
