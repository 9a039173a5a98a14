//! What CloudFormation asks of a custom resource, and how it is answered.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// How long one attempt to answer may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How often an answer is tried. CloudFormation waits for it until the resource's own time is over, and the stack with it.
const ATTEMPTS: u32 = 3;
/// How long it takes at most to get an answer through.
pub const TIME_TO_ANSWER: Duration = Duration::from_secs(12);
/// An answer may have 4096 bytes; this leaves room for the names in it.
const MAX_REASON: usize = 1024;

/// What is to happen with the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    /// The stack is new.
    Create,
    /// A property of the resource changed.
    Update,
    /// The stack, or the resource in it, goes away.
    Delete,
}

/// A request, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// What is to happen.
    pub request_type: RequestType,
    /// Where the answer is expected. Whoever knows the address can answer, so it is kept out of logs.
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    reason: &'a str,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    data: Data<'a>,
}

/// What `!GetAtt Migration.Outcome` gives in the template.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data<'a> {
    outcome: &'a str,
}

impl Event {
    /// Tells CloudFormation how it went, in a sentence. Fails when it cannot be told.
    pub async fn answer(&self, result: &Result<String, String>) -> anyhow::Result<()> {
        let (status, sentence) = match result {
            Ok(outcome) => ("SUCCESS", outcome),
            Err(reason) => ("FAILED", reason),
        };
        let sentence = &sentence[..sentence.floor_char_boundary(MAX_REASON)];
        let body = serde_json::to_string(&Answer {
            status,
            reason: sentence,
            // The same for ever: another one would make CloudFormation delete the one before.
            physical_resource_id: self.physical_resource_id.as_deref().unwrap_or("migrations"),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data: Data { outcome: sentence },
        })?;
        let client = reqwest::Client::builder().timeout(ATTEMPT).build()?;
        let mut attempt = 1;
        loop {
            // Without a content type: the address is signed for a request that has none.
            let sent = client.put(&self.response_url).body(body.clone()).send();
            match sent.await.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS => {
                    tracing::warn!(error = %error.without_url(), attempt, "CloudFormation is told again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    attempt += 1;
                }
                Err(error) => {
                    return Err(error.without_url()).context("CloudFormation cannot be told");
                }
            }
        }
    }
}
