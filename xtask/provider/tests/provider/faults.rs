//! Faults that a test switches on.

use std::time::{Duration, Instant};

use provider::{Endpoint, Fault, Provider};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{body, client, setting};

#[tokio::test]
async fn endpoints_have_the_faults_that_are_switched_on() {
    let provider = Provider::start().await.unwrap();
    let token = setting(&provider, "GITHUB_TOKEN_URL");
    let post = || {
        client()
            .post(&token)
            .header("accept", "application/json")
            .send()
    };

    provider.fail(Endpoint::GitHubToken, Fault::Status(503));
    assert_eq!(
        post().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );

    provider.fail(Endpoint::GitHubToken, Fault::Error("bad_verification_code"));
    let answer = post().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(body(answer).await["error"], "bad_verification_code");

    provider.fail(Endpoint::GitHubToken, Fault::Garbage);
    post().await.unwrap().json::<Value>().await.unwrap_err();

    provider.fail(Endpoint::GitHubToken, Fault::Body(json!({ "a": 1 })));
    assert_eq!(body(post().await.unwrap()).await, json!({ "a": 1 }));

    provider.fail(
        Endpoint::GitHubToken,
        Fault::Patch(json!({ "error": null, "b": 2 })),
    );
    let answer = body(post().await.unwrap()).await;
    assert_eq!(answer.get("error"), None);
    assert_eq!(answer["b"], 2);

    provider.fail(
        Endpoint::GitHubToken,
        Fault::Slow(Duration::from_millis(300)),
    );
    let started = Instant::now();
    post().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));

    provider.fail(Endpoint::GitHubToken, Fault::Redirect);
    let answer = post().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(
        answer.headers()["location"].to_str().unwrap(),
        format!("{}/elsewhere", provider.url())
    );
    assert!(provider.received(Endpoint::Elsewhere).is_empty());

    provider.fail(Endpoint::GitHubToken, Fault::Disconnect);
    match post().await {
        Ok(answer) => drop(answer.bytes().await.unwrap_err()),
        Err(error) => assert!(error.is_request(), "{error:?}"),
    }

    provider.recover(Endpoint::GitHubToken);
    assert_eq!(
        body(post().await.unwrap()).await["error"],
        "incorrect_client_credentials"
    );
}
