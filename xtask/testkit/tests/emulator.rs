//! The emulated Lambda instance.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{
    cargo::{cargo, executables},
    emulator::{Failure, Instance},
};
use tokio::{
    process::Command,
    sync::OnceCell,
    time::{sleep, timeout},
};

/// Starts an instance of `examples/echo.rs`. Builds it first, because cargo builds no examples for a selection of tests.
async fn instance(init: &str) -> anyhow::Result<Instance> {
    static ECHO: OnceCell<PathBuf> = OnceCell::const_new();
    let built = async || {
        let mut cargo = Command::new(cargo());
        cargo.args(["build", "--quiet", "--workspace", "--example=echo"]);
        executables(&mut cargo).await.unwrap()["echo"].clone()
    };
    let echo = ECHO.get_or_init(built).await;
    Instance::start(echo, &[("ECHO_INIT", init)]).await
}

/// Waits until the process has written the line. Output may arrive later than the response.
async fn says(instance: &Instance, line: &str) {
    let read = async {
        while !instance.logs().iter().any(|known| known == line) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), read)
        .await
        .unwrap_or_else(|_| panic!("no line {line} in {:?}", instance.logs()));
}

#[tokio::test]
async fn the_response_to_an_event_is_returned() {
    let echo = instance("").await.unwrap();

    let answer = echo.invoke(&json!({ "a": 1 })).await.unwrap();

    assert_eq!(answer.response["event"], json!({ "a": 1 }));
    assert_eq!(answer.response["name"], "echo");
    assert_eq!(
        answer.response["arn"],
        "arn:aws:lambda:eu-central-1:123456789012:function:echo"
    );
    assert_eq!(
        answer.response["home"],
        json!(null),
        "the environment is inherited"
    );
    assert!(echo.init() > Duration::ZERO);
    assert!(answer.duration > Duration::ZERO);
    says(&echo, r#"event {"a":1}"#).await;
}

#[tokio::test]
async fn concurrent_invocations_are_served_one_by_one() {
    let echo = instance("").await.unwrap();

    let (first, second) = (json!(1), json!(2));
    let (first, second) = tokio::join!(echo.invoke(&first), echo.invoke(&second));

    assert_eq!(first.unwrap().response["event"], 1);
    assert_eq!(second.unwrap().response["event"], 2);
}

#[tokio::test]
async fn an_error_is_reported() {
    let echo = instance("").await.unwrap();

    let failure = echo.invoke(&json!({ "do": "fail" })).await.unwrap_err();

    let Failure::Function(error) = failure else {
        panic!("{failure}")
    };
    assert_eq!(error["errorMessage"], "as asked");
    echo.invoke(&json!({}))
        .await
        .expect("the instance serves another event");
}

#[tokio::test]
async fn a_response_over_six_mebibytes_is_rejected() {
    let echo = instance("").await.unwrap();

    let failure = echo.invoke(&json!({ "do": "grow" })).await.unwrap_err();

    let Failure::Function(error) = failure else {
        panic!("{failure}")
    };
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn the_end_of_the_process_is_reported() {
    let echo = instance("").await.unwrap();
    let failure = echo.invoke(&json!({ "do": "exit" })).await.unwrap_err();
    assert!(
        matches!(failure, Failure::Exited(status) if status.code() == Some(3)),
        "{failure}"
    );

    let error = instance("exit").await.err().unwrap();
    assert!(format!("{error:#}").contains("exit status: 7"), "{error:#}");
}

#[tokio::test]
async fn the_instance_is_busy_until_the_extension_is_done() {
    let echo = instance("extension").await.unwrap();

    echo.invoke(&json!({})).await.unwrap();
    assert!(
        !echo.logs().contains(&"flushed true".to_owned()),
        "the caller waits for the extension"
    );
    let answered = Instant::now();
    echo.settled().await.unwrap();

    assert!(answered.elapsed() > Duration::from_millis(100));
    says(&echo, "flushed true").await;
}

#[tokio::test]
async fn a_frozen_instance_continues() {
    let echo = instance("extension").await.unwrap();
    echo.invoke(&json!({})).await.unwrap();

    echo.freeze().await.unwrap();
    let state = format!("/proc/{}/stat", echo.pid());
    while !std::fs::read_to_string(&state).unwrap().contains(") T ") {
        sleep(Duration::from_millis(10)).await;
    }
    echo.thaw().unwrap();

    echo.invoke(&json!({})).await.unwrap();
}

#[tokio::test]
async fn an_internal_extension_cannot_register_for_the_shutdown_event() {
    let error = instance("shutdown").await.err().unwrap();
    assert!(format!("{error:#}").contains("did not start"), "{error:#}");
}

#[tokio::test]
async fn stopping_leaves_no_process() {
    for init in ["", "extension"] {
        let echo = instance(init).await.unwrap();
        let process = PathBuf::from(format!("/proc/{}", echo.pid()));
        assert!(process.exists());

        let status = echo.stop().await.unwrap();

        assert_ne!(status.code(), Some(0));
        assert!(!process.exists());
    }
}
