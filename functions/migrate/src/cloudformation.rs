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
    #[serde(default)]
    resource_properties: Properties,
    #[serde(default)]
    old_resource_properties: Properties,
}

/// The properties of the resource that this function uses.
#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Properties {
    /// Another value replaces the password of the application.
    rotation: String,
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
    /// Returns whether the last successful request left the database in this state.
    pub fn has_left(&self, state: &str) -> bool {
        self.request_type == RequestType::Update
            && self.physical_resource_id.as_deref() == Some(state)
    }

    /// Returns whether the application's password is to be replaced.
    pub fn rotates(&self) -> bool {
        self.request_type == RequestType::Update
            && self.resource_properties != self.old_resource_properties
    }

    /// Sends the result to CloudFormation: a sentence about the outcome or the reason of the failure. `state` describes the
    /// database after a success.
    ///
    /// # Errors
    /// No attempt succeeded.
    pub async fn respond(
        &self,
        result: &Result<String, String>,
        state: &str,
    ) -> anyhow::Result<()> {
        let (status, sentence) = match result {
            Ok(outcome) => ("SUCCESS", outcome),
            Err(reason) => ("FAILED", reason),
        };
        let sentence = &sentence[..sentence.floor_char_boundary(MAX_REASON)];
        let body = serde_json::to_string(&ResourceResponse {
            status,
            reason: sentence,
            // The id records the state of the database. CloudFormation sends it with the next request, and deletes the
            // resource of an id that has changed, which takes nothing back.
            physical_resource_id: match &self.physical_resource_id {
                Some(id) if self.request_type == RequestType::Delete || result.is_err() => id,
                _ => state,
            },
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
