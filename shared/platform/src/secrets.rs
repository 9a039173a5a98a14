//! The deployment's secrets in AWS Secrets Manager: JSON objects with the names of environment variables.

use std::{collections::HashMap, error::Error, time::Duration};

use anyhow::Context;
use aws_sdk_secretsmanager::{
    Client,
    config::{
        BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
};
use tokio::sync::OnceCell;

use crate::{config::Variables, telemetry};

/// Maximum time to read a secret, retries included.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Loads the variables of the environment and of the secrets. The environment takes precedence. `APP_SECRETS_ID` and
/// `AUTH_SECRETS_ID` name secrets from which the common names and `names` are read. `DATABASE_SECRET_ID` names the secret with
/// the database's address or credentials.
///
/// # Errors
/// A secret cannot be read or is malformed.
pub async fn load(names: &[&str]) -> anyhow::Result<Variables> {
    let environment = Variables::of_environment();
    let (app, auth, database) = tokio::try_join!(
        read_named_by(&environment, "APP_SECRETS_ID"),
        read_named_by(&environment, "AUTH_SECRETS_ID"),
        read_named_by(&environment, "DATABASE_SECRET_ID"),
    )?;
    environment
        .with_secret(app, names)
        .with_secret(auth, names)
        .with_database_secret(database)
}

/// Reads the secret whose name or ARN is the value of the variable. Returns no values if the variable is not set.
async fn read_named_by(
    variables: &Variables,
    variable: &str,
) -> anyhow::Result<HashMap<String, String>> {
    match variables.get(variable) {
        // The SDK's future is large. Boxed, it does not enlarge every future that connects to the database.
        Some(id) => Box::pin(read(id)).await,
        None => Ok(HashMap::new()),
    }
}

/// Reads the secret of that name or ARN. Errors contain the name and not the content.
pub async fn read(id: &str) -> anyhow::Result<HashMap<String, String>> {
    let _span = telemetry::span("http.client", &format!("GetSecretValue {id}"));
    let secret = client()
        .await?
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| anyhow::anyhow!("the secret {id} cannot be read: {}", cause(&error)))?;
    let text = secret
        .secret_string()
        .with_context(|| format!("the secret {id} has no text"))?;
    parse(text).with_context(|| format!("the secret {id} must be a JSON object of texts"))
}

/// Gives the secret of that name or ARN a new text. Errors contain the name and not the text.
pub async fn write(id: &str, text: &str) -> anyhow::Result<()> {
    client()
        .await?
        .put_secret_value()
        .secret_id(id)
        .secret_string(text)
        .send()
        .await
        .map_err(|error| anyhow::anyhow!("the secret {id} cannot be written: {}", cause(&error)))?;
    Ok(())
}

/// Returns the instance's one client. It is configured by the variables that Lambda sets (`AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`) and by `AWS_ENDPOINT_URL` for another endpoint. The
/// SDK's full chain of credential providers would add 1.5 MB that no function needs.
async fn client() -> anyhow::Result<&'static Client> {
    static CLIENT: OnceCell<Client> = OnceCell::const_new();
    CLIENT
        .get_or_try_init(|| async {
            let region = variable("AWS_REGION")
                .or_else(|| variable("AWS_DEFAULT_REGION"))
                .context("AWS_REGION is not set")?;
            let credentials = Credentials::new(
                variable("AWS_ACCESS_KEY_ID").context("AWS_ACCESS_KEY_ID is not set")?,
                variable("AWS_SECRET_ACCESS_KEY").context("AWS_SECRET_ACCESS_KEY is not set")?,
                variable("AWS_SESSION_TOKEN"),
                None,
                "environment",
            );
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(TIME_LIMIT)
                .build();
            let mut config = Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(region))
                .credentials_provider(credentials)
                .retry_config(RetryConfig::standard())
                .timeout_config(timeouts);
            let endpoint = variable("AWS_ENDPOINT_URL_SECRETS_MANAGER");
            if let Some(endpoint) = endpoint.or_else(|| variable("AWS_ENDPOINT_URL")) {
                config = config.endpoint_url(endpoint);
            }
            Ok(Client::from_conf(config.build()))
        })
        .await
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Describes a failure in one sentence: the error of Secrets Manager, or the reason why there was no response.
fn cause<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => {
            let refusal = refusal.err();
            format!(
                "{} ({})",
                refusal.message().unwrap_or("no reason given"),
                refusal.code().unwrap_or("no code")
            )
        }
        SdkError::TimeoutError(_) => format!("no answer within {TIME_LIMIT:?}"),
        other => std::iter::successors(Some(other as &dyn Error), |&error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": "),
    }
}

/// Returns the object's texts, numbers and booleans as texts. The parser's own message is dropped, because it may quote the
/// secret.
fn parse(text: &str) -> anyhow::Result<HashMap<String, String>> {
    let values: HashMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| anyhow::anyhow!("it is not a JSON object"))?;
    values
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => Ok((name, text)),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
                Ok((name, value.to_string()))
            }
            _ => Err(anyhow::anyhow!("the value of {name} is not a text")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_secret_is_never_quoted() {
        for text in ["hunter2", "[\"hunter2\"]", "{\"A\": {\"b\": \"hunter2\"}}"] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn texts_and_numbers_are_accepted() {
        let values = parse(r#"{"A":"x","PORT":3001,"NONE":null}"#).unwrap();
        assert_eq!(values.get("A").map(String::as_str), Some("x"));
        assert_eq!(values.get("PORT").map(String::as_str), Some("3001"));
        assert_eq!(values.get("NONE"), None);
    }
}
