//! The request of CloudFormation to a custom resource, and the response.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>

use std::{fmt, time::Duration};

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

/// A migrated database. Its text is the id of the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseState {
    /// Version of its newest migration.
    pub newest: i64,
    /// Name of the secret with its credentials.
    pub database: String,
}

impl DatabaseState {
    fn parse(id: &str) -> Option<Self> {
        let (newest, database) = id.strip_prefix("migrations-")?.split_once('@')?;
        Some(Self {
            newest: newest.parse().ok()?,
            database: database.to_owned(),
        })
    }
}

impl fmt::Display for DatabaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "migrations-{}@{}", self.newest, self.database)
    }
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
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Properties {
    /// Another value replaces the password of the application.
    rotation: String,
    /// The settings of the application's functions.
    settings: String,
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
    /// Digest of the settings. It is short enough for the description of a function's version.
    settings_digest: String,
}

impl ResourceRequest {
    /// Returns whether the last successful request left the database in this state or in a newer one.
    pub fn has_left(&self, state: &DatabaseState) -> bool {
        let left = self.physical_resource_id.as_deref();
        self.request_type == RequestType::Update
            && left
                .and_then(DatabaseState::parse)
                .is_some_and(|left| left.database == state.database && left.newest >= state.newest)
    }

    /// Returns whether the application's password is to be replaced.
    pub fn rotates(&self) -> bool {
        self.request_type == RequestType::Update
            && self.resource_properties.rotation != self.old_resource_properties.rotation
    }

    /// Sends the result to CloudFormation: a sentence about the outcome or the reason of the failure. `state` describes the
    /// database after a success.
    ///
    /// # Errors
    /// No attempt succeeded.
    pub async fn respond(
        &self,
        result: &Result<String, String>,
        state: &DatabaseState,
    ) -> anyhow::Result<()> {
        let (status, sentence) = match result {
            Ok(outcome) => ("SUCCESS", outcome),
            Err(reason) => ("FAILED", reason),
        };
        let sentence = &sentence[..sentence.floor_char_boundary(MAX_REASON)];
        let state = state.to_string();
        let settings = Sha256::digest(&self.resource_properties.settings);
        let body = serde_json::to_string(&ResourceResponse {
            status,
            reason: sentence,
            // The id records the state of the database. CloudFormation sends it with the next request, and deletes the
            // resource of an id that has changed, which takes nothing back.
            physical_resource_id: match &self.physical_resource_id {
                Some(id) if self.request_type == RequestType::Delete || result.is_err() => id,
                _ => &state,
            },
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data: ResourceAttributes {
                outcome: sentence,
                settings_digest: URL_SAFE_NO_PAD.encode(settings),
            },
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
