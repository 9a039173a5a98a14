//! The custom resource, asked as CloudFormation asks and answering over HTTP.

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
use migrate::{cloudformation::ResourceRequest, respond};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a run may take, as Lambda would say: enough for the test, and little over what the answer needs.
const LEFT: Duration = Duration::from_secs(32);

/// The place where CloudFormation expects its answers.
#[derive(Clone, Default)]
struct CloudFormation {
    refusals: Arc<Mutex<u32>>,
    answers: Arc<Mutex<Vec<Value>>>,
    /// Added to the request.
    properties: Value,
}

/// State of a database that the program of these tests has migrated.
const STATE: &str = "migrations-1@database";

/// The address's signature, which has to arrive as it was given.
const SIGNATURE: &str = "X-Amz-Signature=a%2Fb%2Bc%3D&X-Amz-Expires=7200";

impl CloudFormation {
    /// One that refuses so many answers before it takes one.
    fn refusing(count: u32) -> Self {
        let place = Self::default();
        *place.refusals.lock().unwrap() = count;
        place
    }

    /// One that adds these fields to the request.
    fn with(properties: Value) -> Self {
        Self {
            properties,
            ..Self::default()
        }
    }

    /// Has the request done by the work; what was answered, or that nothing could be.
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
        let outcome = respond(&event, left, STATE, work).await;
        server.abort();
        outcome?;
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(answers.len(), 1, "CloudFormation takes one answer");
        Ok(answers[0].clone())
    }
}

/// A request as the documentation shows it.
fn event(request: &str, response_url: &str, properties: &Value) -> ResourceRequest {
    let mut event = json!({
        "RequestType": request,
        "RequestId": "unique id for this request",
        "ResponseURL": response_url,
        "ResourceType": "AWS::CloudFormation::CustomResource",
        "LogicalResourceId": "Migration",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/codecave/guid",
        "ResourceProperties": { "ServiceTimeout": "900", "Release": "" },
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
    // Any difference to what was signed, and the storage behind the address refuses.
    assert_eq!(uri.query(), Some(SIGNATURE));
    assert_eq!(uri.path(), "/answers/a%7Cb");
    assert_eq!(headers.get("content-type"), None);
    let mut refusals = place.refusals.lock().unwrap();
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    assert!(body.len() <= 4096, "CloudFormation takes no more");
    let answer = serde_json::from_slice(&body).unwrap();
    place.answers.lock().unwrap().push(answer);
    StatusCode::OK
}
