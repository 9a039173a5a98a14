//! The custom resource, which gets requests like those of CloudFormation and responds over HTTP.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod answer;
mod migrations;
mod retention;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::migrations::Outcome;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    routing::put,
};
use migrate::{
    cloudformation::{DatabaseState, ResourceRequest},
    respond,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Time that Lambda leaves for a run: enough for the test, and little more than the response needs.
const LEFT: Duration = Duration::from_secs(32);

/// The server that receives responses for CloudFormation.
#[derive(Clone, Default)]
struct CloudFormation {
    refusals: Arc<Mutex<u32>>,
    answers: Arc<Mutex<Vec<Value>>>,
    /// Fields that are added to the request.
    properties: Value,
}

/// State of a database after the migrations of these tests.
const STATE: &str = "migrations-1@database";

/// Signature in the response URL. It must arrive unchanged.
const SIGNATURE: &str = "X-Amz-Signature=a%2Fb%2Bc%3D&X-Amz-Expires=7200";

impl CloudFormation {
    /// Returns a server that rejects the first `count` responses.
    fn refusing(count: u32) -> Self {
        let place = Self::default();
        *place.refusals.lock().unwrap() = count;
        place
    }

    /// Returns a server whose requests have these fields in addition.
    fn with(properties: Value) -> Self {
        Self {
            properties,
            ..Self::default()
        }
    }

    /// Sends a request, which `work` serves. Returns the response, or the error if none was accepted.
    async fn ask(
        &self,
        request: &str,
        left: Duration,
        work: impl AsyncFnOnce(Duration) -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<Value> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/answers/{id}", put(take))
            .with_state(self.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });

        let event = event(
            request,
            &format!("http://{address}/answers/a%7Cb?{SIGNATURE}"),
            &self.properties,
        );
        let state = DatabaseState {
            newest: 1,
            database: "database".to_owned(),
        };
        let outcome = respond(&event, left, &state, work).await;
        server.abort();
        outcome?;
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(answers.len(), 1, "CloudFormation gets one response");
        Ok(answers[0].clone())
    }
}

/// Returns a request as the AWS documentation shows it.
fn event(request: &str, response_url: &str, properties: &Value) -> ResourceRequest {
    let mut event = json!({
        "RequestType": request,
        "RequestId": "unique id for this request",
        "ResponseURL": response_url,
        "ResourceType": "AWS::CloudFormation::CustomResource",
        "LogicalResourceId": "Migration",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/codecave/guid",
        "ResourceProperties": { "ServiceTimeout": "900", "Release": "", "Settings": "one" },
    });
    if request != "Create" {
        event["PhysicalResourceId"] = "given before".into();
        event["OldResourceProperties"] = json!({ "Release": "before" });
    }
    for (name, value) in properties.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

async fn take(
    State(place): State<CloudFormation>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    // The storage behind the URL rejects a request that differs from the signed one.
    assert_eq!(uri.query(), Some(SIGNATURE));
    assert_eq!(uri.path(), "/answers/a%7Cb");
    assert_eq!(headers.get("content-type"), None);
    let mut refusals = place.refusals.lock().unwrap();
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    assert!(
        body.len() <= 4096,
        "CloudFormation accepts at most 4,096 bytes"
    );
    let answer = serde_json::from_slice(&body).unwrap();
    place.answers.lock().unwrap().push(answer);
    StatusCode::OK
}
