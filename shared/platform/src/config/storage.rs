//! The configuration of the object storage.

use std::{fmt, time::Duration};

use anyhow::Context;
use chrono::{DateTime, Utc};
use url::Url;

use super::variables::Variables;

/// The configuration of the bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// Address of the bucket; an object's key is appended to its path.
    pub bucket_url: Url,
    /// Region in the scope of signatures.
    pub region: String,
    /// Access key id.
    pub key: String,
    /// Secret access key.
    pub secret: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
    /// Expiry of temporary credentials, if it is known.
    pub expires_at: Option<DateTime<Utc>>,
}

impl StorageConfig {
    /// Names that may be in the deployment's secret.
    pub const SECRETS: &[&str] = &[
        "DO_SPACES_BUCKET",
        "DO_SPACES_KEY",
        "DO_SPACES_REGION",
        "DO_SPACES_SECRET",
        "S3_BUCKET",
        "S3_ENDPOINT",
        "S3_KEY",
        "S3_REGION",
        "S3_SECRET",
    ];

    /// Returns the address of the bucket, for a function without credentials for it.
    pub fn bucket_url(variables: &Variables) -> anyhow::Result<Option<Url>> {
        Bucket::read(variables)
            .map(|bucket| bucket.url())
            .transpose()
    }

    /// Minimum remaining lifetime of credentials that still sign.
    pub const MIN_LIFETIME: Duration = Duration::from_secs(30);

    /// Reads the variables. Returns `None` if no bucket is named, or if its credentials are missing.
    pub fn read(variables: &Variables) -> anyhow::Result<Option<Self>> {
        let Some(bucket) = Bucket::read(variables) else {
            return Ok(None);
        };
        let Some(credentials) = Credentials::read(variables, bucket.prefix)? else {
            return Ok(None);
        };
        let bucket_url = bucket.url()?;
        Ok(Some(Self {
            bucket_url,
            region: bucket.region,
            key: credentials.key,
            secret: credentials.secret,
            session_token: credentials.session_token,
            expires_at: credentials.expires_at,
        }))
    }
}

/// Debug output contains no credential.
impl fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("bucket_url", &self.bucket_url.as_str())
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A bucket, its provider and its region.
struct Bucket {
    prefix: &'static str,
    name: String,
    region: String,
    endpoint: Option<String>,
}

impl Bucket {
    /// `S3_BUCKET` takes precedence over `DO_SPACES_BUCKET`.
    fn read(variables: &Variables) -> Option<Self> {
        let owned = |name| variables.get(name).map(str::to_owned);
        if let Some(name) = owned("S3_BUCKET") {
            return Some(Self {
                prefix: "S3",
                name,
                region: owned("S3_REGION")
                    .or_else(|| owned("AWS_REGION"))
                    .or_else(|| owned("AWS_DEFAULT_REGION"))
                    .unwrap_or_else(|| "us-east-1".to_owned()),
                endpoint: owned("S3_ENDPOINT"),
            });
        }
        let name = owned("DO_SPACES_BUCKET")?;
        let region = owned("DO_SPACES_REGION").unwrap_or_else(|| "nyc3".to_owned());
        Some(Self {
            prefix: "DO_SPACES",
            name,
            region,
            endpoint: None,
        })
    }

    /// Returns the bucket's own host for Amazon and `DigitalOcean`, and a path for any other server.
    fn url(&self) -> anyhow::Result<Url> {
        let Self { name, region, .. } = self;
        let (text, variable) = match (&self.endpoint, self.prefix) {
            (Some(endpoint), _) => {
                let endpoint = endpoint.trim_end_matches('/');
                let endpoint = if endpoint.contains("://") {
                    endpoint.to_owned()
                } else {
                    format!("https://{endpoint}")
                };
                (format!("{endpoint}/{name}/"), "S3_ENDPOINT")
            }
            (None, "DO_SPACES") => (
                format!("https://{name}.{region}.digitaloceanspaces.com/"),
                "DO_SPACES_BUCKET or DO_SPACES_REGION",
            ),
            // The certificate for bucket hosts does not cover names with a dot.
            (None, _) if name.contains('.') => (
                format!("https://s3.{region}.amazonaws.com/{name}/"),
                "S3_BUCKET or S3_REGION",
            ),
            (None, _) => (
                format!("https://{name}.s3.{region}.amazonaws.com/"),
                "S3_BUCKET or S3_REGION",
            ),
        };
        Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .with_context(|| format!("the value of {variable} makes no address"))
    }
}

/// Credentials of the bucket.
struct Credentials {
    key: String,
    secret: String,
    session_token: Option<String>,
    expires_at: Option<DateTime<Utc>>,
}

impl Credentials {
    /// The provider's own names take precedence over the credentials of the function's role, which only `S3_BUCKET` may
    /// use.
    fn read(variables: &Variables, prefix: &str) -> anyhow::Result<Option<Self>> {
        let owned = |name: &str| variables.get(name).map(str::to_owned);
        let own = owned(&format!("{prefix}_KEY")).zip(owned(&format!("{prefix}_SECRET")));
        if let Some((key, secret)) = own {
            return Ok(Some(Self {
                key,
                secret,
                session_token: None,
                expires_at: None,
            }));
        }
        let role = owned("AWS_ACCESS_KEY_ID").zip(owned("AWS_SECRET_ACCESS_KEY"));
        let Some((key, secret)) = role.filter(|_| prefix == "S3") else {
            return Ok(None);
        };
        let expires_at = variables
            .get("AWS_CREDENTIAL_EXPIRATION")
            .map(DateTime::parse_from_rfc3339)
            .transpose()
            .context("the value of AWS_CREDENTIAL_EXPIRATION is not a time")?;
        Ok(Some(Self {
            key,
            secret,
            session_token: owned("AWS_SESSION_TOKEN"),
            expires_at: expires_at.map(|time| time.to_utc()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Option<StorageConfig> {
        let variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        StorageConfig::read(&variables).unwrap()
    }

    #[test]
    fn each_provider_has_its_own_address() {
        for (pairs, url, region) in [
            (
                &[("DO_SPACES_BUCKET", "cave"), ("DO_SPACES_REGION", "fra1")][..],
                "https://cave.fra1.digitaloceanspaces.com/",
                "fra1",
            ),
            (
                &[("S3_BUCKET", "cave"), ("AWS_REGION", "eu-west-1")],
                "https://cave.s3.eu-west-1.amazonaws.com/",
                "eu-west-1",
            ),
            (
                &[("S3_BUCKET", "a.cave"), ("S3_REGION", "eu-west-1")],
                "https://s3.eu-west-1.amazonaws.com/a.cave/",
                "eu-west-1",
            ),
            (
                &[
                    ("S3_BUCKET", "cave"),
                    ("S3_ENDPOINT", "http://127.0.0.1:8333/"),
                ],
                "http://127.0.0.1:8333/cave/",
                "us-east-1",
            ),
        ] {
            let credentials = [
                ("S3_KEY", "k"),
                ("S3_SECRET", "s"),
                ("DO_SPACES_KEY", "k"),
                ("DO_SPACES_SECRET", "s"),
            ];
            let config = read(&[pairs, &credentials].concat()).unwrap();
            assert_eq!(config.bucket_url.as_str(), url);
            assert_eq!(config.region, region);
        }
    }

    #[test]
    fn a_role_signs_with_its_session_token_and_for_amazons_bucket_only() {
        let role = [
            ("AWS_ACCESS_KEY_ID", "role"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_SESSION_TOKEN", "t"),
            ("AWS_CREDENTIAL_EXPIRATION", "2026-01-01T00:00:00Z"),
        ];
        let config = read(&[&role[..], &[("S3_BUCKET", "cave")]].concat()).unwrap();
        assert_eq!(config.session_token.as_deref(), Some("t"));
        assert!(config.expires_at.is_some());
        assert!(!format!("{config:?}").contains("role"));

        let own = [("S3_BUCKET", "cave"), ("S3_KEY", "k"), ("S3_SECRET", "s")];
        let config = read(&[&role[..], &own].concat()).unwrap();
        assert_eq!((config.key.as_str(), config.session_token), ("k", None));

        assert_eq!(
            read(&[&role[..], &[("DO_SPACES_BUCKET", "cave")]].concat()),
            None
        );
        assert_eq!(read(&[("S3_BUCKET", "cave")]), None);
        assert_eq!(read(&role), None);
    }
}
