//! The request of CloudFormation to a custom resource, and the response.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// Timeout of one attempt to respond.
const ATTEMPT: Duration = Duration::from_secs(3);
/// Maximum number of attempts to respond. Without a response, CloudFormation and the stack wait until the resource times out.
const ATTEMPTS: u32 = 3;
/// Maximum time of all attempts to respond.
pub const TIME_TO_RESPOND: Duration = Duration::from_secs(12);
/// Maximum length of the reason. A response may have 4096 bytes, and the names in it need the rest.
const MAX_REASON: usize = 1024;

/// The requested change of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    /// The stack is created.
    Create,
    /// A property of the resource changed.
    Update,
    /// The stack or the resource is deleted.
    Delete,
}

/// The parts of a request that this function uses.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceRequest {
    /// The requested change.
    pub request_type: RequestType,
    /// The address for the response. It is signed, and knowing it is enough to respond, so it is never logged.
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceResponse<'a> {
    status: &'static str,
    reason: &'a str,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    data: ResourceAttributes<'a>,
}

/// The attributes that the template reads, for example with `!GetAtt Migration.Outcome`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceAttributes<'a> {
    outcome: &'a str,
}

impl ResourceRequest {
    /// Sends the result to CloudFormation: a sentence about the outcome or the reason of the failure.
    ///
    /// # Errors
    /// No attempt succeeded.
    pub async fn respond(&self, result: &Result<String, String>) -> anyhow::Result<()> {
        let (status, sentence) = match result {
            Ok(outcome) => ("SUCCESS", outcome),
            Err(reason) => ("FAILED", reason),
        };
        let sentence = &sentence[..sentence.floor_char_boundary(MAX_REASON)];
        let body = serde_json::to_string(&ResourceResponse {
            status,
            reason: sentence,
            // It never changes. CloudFormation deletes a resource whose id has changed.
            physical_resource_id: self.physical_resource_id.as_deref().unwrap_or("migrations"),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data: ResourceAttributes { outcome: sentence },
        })?;
        let client = reqwest::Client::builder().timeout(ATTEMPT).build()?;
        let mut attempt = 1;
        loop {
            // The address is signed for a request without a content type.
            let sent = client.put(&self.response_url).body(body.clone()).send();
            match sent.await.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS => {
                    tracing::warn!(error = %error.without_url(), attempt, "the response is sent again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    attempt += 1;
                }
                Err(error) => {
                    return Err(error.without_url())
                        .context("the response cannot be sent to CloudFormation");
                }
            }
        }
    }
}
