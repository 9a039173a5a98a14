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
