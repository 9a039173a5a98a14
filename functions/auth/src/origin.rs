//! Verifies that a request comes from a trusted page, and that its redirect addresses are trusted.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde_json::Value;
use shared::config::Config;

use crate::{
    addresses::MAX_ADDRESS_CHARS,
    error::{Error, Result},
    fields::is_longer,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The fields of redirect addresses: name, name in messages, code, message.
const ADDRESSES: [(&str, &str, &str, &str); 4] = [
    (
        "callbackURL",
        "callbackURL",
        "INVALID_CALLBACK_URL",
        "Invalid callbackURL",
    ),
    (
        "redirectTo",
        "redirectURL",
        "INVALID_REDIRECT_URL",
        "Invalid redirectURL",
    ),
    (
        "errorCallbackURL",
        "errorCallbackURL",
        "INVALID_ERROR_CALLBACK_URL",
        "Invalid errorCallbackURL",
    ),
    (
        "newUserCallbackURL",
        "newUserCallbackURL",
        "INVALID_NEW_USER_CALLBACK_URL",
        "Invalid newUserCallbackURL",
    ),
];

/// Verifies the origin of a request that may write, and then its redirect addresses.
pub fn check(
    config: &Config,
    headers: &HeaderMap,
    query: &[(String, String)],
    body: Option<&Value>,
) -> Result<()> {
    check_origin(config, headers)?;
    for (field, label, code, message) in ADDRESSES {
        let in_body = body
            .and_then(|body| body.get(field))
            .filter(|v| is_truthy(v));
        let address = match in_body {
            None if field == "callbackURL" => from_query(query, field),
            found => found.cloned(),
        };
        match address {
            None => {}
            Some(Value::String(address)) if is_longer(&address, MAX_ADDRESS_CHARS) => {
                let part = if in_body.is_some() { "body" } else { "query" };
                return Err(Error::validation(&[format!(
                    "[{part}.{field}] Too big: expected string to have <={MAX_ADDRESS_CHARS} characters"
                )]));
            }
            Some(Value::String(address)) if config.trusted_origins.allows_redirect(&address) => {}
            Some(Value::String(_)) => return Err(Error::forbidden(code, message)),
            Some(_) => {
                return Err(Error::Message(
                    StatusCode::BAD_REQUEST,
                    format!("Invalid {label}: expected a string"),
                ));
            }
        }
    }
    Ok(())
}

/// A request with any cookie must come from a trusted page. Without cookies, a cross-site request has no rights to abuse.
fn check_origin(config: &Config, headers: &HeaderMap) -> Result<()> {
    if !headers.contains_key(header::COOKIE) {
        return Ok(());
    }
    let text = |name: &HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let origin = text(&header::ORIGIN);
    if origin == "null" && text(&SEC_FETCH_SITE) == "same-origin" {
        return Ok(());
    }
    let candidate = if origin.is_empty() {
        text(&header::REFERER)
    } else {
        origin
    };
    if candidate.is_empty() || candidate == "null" {
        return Err(Error::forbidden(
            "MISSING_OR_NULL_ORIGIN",
            "Missing or null Origin",
        ));
    }
    if config.trusted_origins.allows_origin(candidate) {
        Ok(())
    } else {
        Err(Error::forbidden("INVALID_ORIGIN", "Invalid origin"))
    }
}

fn from_query(query: &[(String, String)], field: &str) -> Option<Value> {
    let mut values = query.iter().filter(|(name, _)| name == field);
    let (_, first) = values.next()?;
    if values.next().is_some() {
        return Some(Value::Array(Vec::new()));
    }
    (!first.is_empty()).then(|| first.clone().into())
}

/// Returns whether the value is true in JavaScript.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
