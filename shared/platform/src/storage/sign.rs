//! Signed URLs (AWS Signature Version 4 in the query).

use std::time::{Duration, SystemTime};

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use chrono::{DateTime, SubsecRound as _, Utc};
use http::{Method, Request};
use url::Url;

use crate::config::StorageConfig;

/// A URL that authorizes one request until it expires.
#[derive(Debug)]
pub struct SignedUrl {
    /// The address.
    pub url: String,
    /// Time of the expiry.
    pub expires_at: DateTime<Utc>,
}

/// Signs one request, which must have exactly these headers. `now` is the time on the storage's clock.
///
/// A URL that is signed with temporary credentials expires with them, if their expiry is known.
pub(super) fn sign_url(
    config: &StorageConfig,
    now: DateTime<Utc>,
    method: &Method,
    url: &Url,
    headers: &[(&str, &str)],
    lifetime: Duration,
) -> anyhow::Result<SignedUrl> {
    let now = now.trunc_subsecs(0);
    let lifetime = match config.expires_at {
        None => lifetime,
        Some(end) => {
            let rest = (end - now).to_std().unwrap_or_default();
            anyhow::ensure!(
                rest >= StorageConfig::MIN_LIFETIME,
                "the credentials of the storage have expired"
            );
            lifetime.min(Duration::from_secs(rest.as_secs()))
        }
    };
    let identity = Credentials::new(
        &config.key,
        &config.secret,
        config.session_token.clone(),
        None,
        "codecave",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(lifetime);
    // S3 does not normalise the path.
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&config.region)
        .name("s3")
        .time(SystemTime::from(now))
        .settings(settings)
        .build()?
        .into();
    let mut request = Request::builder()
        .method(method)
        .uri(url.as_str())
        .body(())
        .context("the storage's address is not valid")?;
    let signable = SignableRequest::new(
        method.as_str(),
        url.as_str(),
        headers.iter().copied(),
        SignableBody::UnsignedPayload,
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Ok(SignedUrl {
        url: request.uri().to_string(),
        expires_at: now + lifetime,
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn signed(seconds: Option<i64>) -> anyhow::Result<SignedUrl> {
        let now = Utc::now();
        let bucket_url: Url = "https://cave.s3.eu-west-1.amazonaws.com/".parse()?;
        let config = StorageConfig {
            bucket_url: bucket_url.clone(),
            region: "eu-west-1".to_owned(),
            key: "role".to_owned(),
            secret: "secret".to_owned(),
            session_token: Some("a token/+".to_owned()),
            expires_at: seconds.map(|seconds| now + TimeDelta::seconds(seconds)),
        };
        let lifetime = Duration::from_mins(10);
        sign_url(&config, now, &Method::PUT, &bucket_url, &[], lifetime)
    }

    #[test]
    fn a_url_has_the_session_token_and_expires_with_the_credentials() {
        for (credentials, lifetimes) in [
            (None, 600..=600),
            (Some(3600), 600..=600),
            (Some(120), 119..=121),
        ] {
            let signed = signed(credentials).unwrap();
            let url: Url = signed.url.parse().unwrap();
            let value = |name: &str| {
                let found = url.query_pairs().find(|(key, _)| key == name);
                found.unwrap().1.into_owned()
            };
            assert_eq!(value("X-Amz-Security-Token"), "a token/+");
            let lifetime: i64 = value("X-Amz-Expires").parse().unwrap();
            assert!(lifetimes.contains(&lifetime), "{lifetime}");
            let rest = (signed.expires_at - Utc::now()).num_seconds();
            assert!((lifetime - 2..=lifetime).contains(&rest), "{rest}");
        }
        for seconds in [20, 0, -20] {
            assert!(signed(Some(seconds)).is_err(), "{seconds}");
        }
    }
}
