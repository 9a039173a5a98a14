//! Responses to CloudFormation, which gets one in every case.

use std::{
    panic::panic_any,
    time::{Duration, Instant},
};

use migrations::Outcome;
use serde_json::json;

use crate::{CloudFormation, LEFT, STATE};

async fn nothing(_: Duration) -> anyhow::Result<Outcome> {
    Ok(Outcome::default())
}

#[tokio::test]
async fn a_response_has_the_fields_that_cloudformation_requires() {
    let answer = CloudFormation::default()
        .ask("Create", LEFT, nothing)
        .await
        .unwrap();

    assert_eq!(
        answer,
        json!({
            "Status": "SUCCESS",
            "Reason": "the database had all migrations",
            "PhysicalResourceId": STATE,
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/codecave/guid",
            "RequestId": "unique id for this request",
            "LogicalResourceId": "Migration",
            "Data": {
                "Outcome": "the database had all migrations",
                // Of the text "one".
                "SettingsDigest": "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z_0Me0",
            },
        })
    );
}

#[tokio::test]
async fn the_id_records_the_state_of_the_database() {
    let ask = async |request, fails: bool| {
        let work = async move |_| {
            anyhow::ensure!(!fails, "it fails");
            Ok(Outcome::default())
        };
        let answer = CloudFormation::default().ask(request, LEFT, work).await;
        answer.unwrap()["PhysicalResourceId"].clone()
    };

    assert_eq!(ask("Update", false).await, STATE);
    assert_eq!(ask("Update", true).await, "given before");
    assert_eq!(
        ask("Create", true).await,
        STATE,
        "a failed creation also needs an id"
    );
}

#[tokio::test]
async fn a_rollback_succeeds_while_the_database_is_down() {
    let down = async |_| Err(anyhow::anyhow!("the database cannot be reached"));
    let ask = async |fields| {
        let place = CloudFormation::with(fields);
        place.ask("Update", LEFT, down).await.unwrap()
    };

    // The failed deployment did not change the id, so this program's migrations are already applied.
    let answer = ask(json!({ "PhysicalResourceId": STATE })).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(
        answer["Reason"],
        "there was nothing to do: the database cannot be reached"
    );
    // The deployment that failed later had applied more migrations, which the older program does not have.
    let newer = ask(json!({ "PhysicalResourceId": "migrations-2@database" })).await;
    assert_eq!(newer["Status"], "SUCCESS", "{newer}");
    // New migrations, another database or a new password require work, which fails.
    for id in ["migrations-0@database", "migrations-2@other", "anything"] {
        let other = ask(json!({ "PhysicalResourceId": id })).await;
        assert_eq!(other["Status"], "FAILED", "{id}: {other}");
    }
    let rotation = ask(json!({
        "PhysicalResourceId": STATE,
        "ResourceProperties": { "Rotation": "2" },
        "OldResourceProperties": { "Rotation": "1" },
    }))
    .await;
    assert_eq!(rotation["Status"], "FAILED", "{rotation}");
    // Other settings of the functions do not concern the database.
    let settings = ask(json!({
        "PhysicalResourceId": STATE,
        "ResourceProperties": { "Rotation": "1", "Settings": "new" },
        "OldResourceProperties": { "Rotation": "1", "Settings": "old" },
    }))
    .await;
    assert_eq!(settings["Status"], "SUCCESS", "{settings}");
}

#[tokio::test]
async fn a_deletion_needs_no_database() {
    let answer = CloudFormation::default()
        .ask("Delete", LEFT, async |_| panic!("a deletion does no work"))
        .await
        .unwrap();

    assert_eq!(answer["Status"], "SUCCESS");
    assert_eq!(answer["PhysicalResourceId"], "given before");
}

#[tokio::test]
async fn a_failure_is_reported_with_its_reason() {
    let answer = CloudFormation::default()
        .ask("Update", LEFT, async |_| {
            Err(anyhow::anyhow!("the cause").context("what failed"))
        })
        .await
        .unwrap();

    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(answer["Reason"], "what failed: the cause");
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let answer = CloudFormation::default()
        .ask("Create", LEFT, async |_| panic_any("hunter2"))
        .await
        .unwrap();

    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(
        answer["Reason"],
        "the program panicked; its log has the location"
    );
}

#[tokio::test]
async fn work_over_its_time_limit_is_a_failure() {
    let started = Instant::now();

    let answer = CloudFormation::default()
        .ask("Create", Duration::from_secs(13), async |_| {
            std::future::pending().await
        })
        .await
        .unwrap();

    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(answer["Reason"], "not done within 1 s");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_response_that_is_not_accepted_is_sent_again() {
    let answer = CloudFormation::refusing(2)
        .ask("Create", LEFT, nothing)
        .await
        .unwrap();

    assert_eq!(answer["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_response_that_is_never_accepted_is_an_error_of_the_function() {
    let started = Instant::now();

    let error = CloudFormation::refusing(u32::MAX)
        .ask("Create", LEFT, nothing)
        .await
        .unwrap_err();

    let error = format!("{error:#}");
    assert!(
        error.contains("the response cannot be sent to CloudFormation"),
        "{error}"
    );
    assert!(!error.contains("Signature"), "{error}");
    assert!(started.elapsed() < migrate::cloudformation::TIME_TO_RESPOND);
}

#[tokio::test]
async fn a_long_reason_is_truncated_between_two_characters() {
    let answer = CloudFormation::default()
        .ask("Create", LEFT, async |_| {
            Err(anyhow::anyhow!("€".repeat(5000)))
        })
        .await
        .unwrap();

    assert_eq!(answer["Reason"], "€".repeat(341));
}
