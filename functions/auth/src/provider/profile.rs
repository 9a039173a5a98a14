//! A person's profile, and the values that providers give in it.

use serde_json::{Map, Value};

/// Maximum length of a provider's id of a person.
const MAX_ID_CHARS: usize = 255;
/// Maximum length of an e-mail address: 64 characters, `@` and 255 characters (RFC 5321, 4.5.3.1).
const MAX_EMAIL_CHARS: usize = 320;

/// A person's profile at a provider.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The provider's id of the person.
    pub account_id: String,
    pub name: Option<String>,
    /// The address in the provider's spelling. It is stored and compared in lower case.
    pub email: Option<String>,
    pub email_verified: bool,
    pub image: Option<String>,
    /// GitHub's user name.
    pub github_username: Option<String>,
    pub bio: Option<String>,
    pub website: Option<String>,
    pub location: Option<String>,
    pub company: Option<String>,
    /// The provider's response.
    pub raw: Map<String, Value>,
}

/// Returns a text without U+0000, which PostgreSQL cannot store.
pub fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.replace('\0', "");
    (!text.is_empty()).then_some(text)
}

/// Returns a trimmed text; `None` if it is blank or longer than `max_chars`.
pub fn short_text(value: Option<&Value>, max_chars: usize) -> Option<String> {
    let text = text(value)?.trim().to_owned();
    (!text.is_empty() && text.chars().count() <= max_chars).then_some(text)
}

/// Returns an e-mail address.
pub fn email(value: Option<&Value>) -> Option<String> {
    short_text(value, MAX_EMAIL_CHARS)
}

/// Returns an absolute web address.
pub fn web_address(value: Option<&Value>) -> Option<String> {
    text(value).filter(|text| {
        url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
    })
}

/// Returns the provider's id of the person, which may be a number.
pub fn account_id(value: Option<&Value>) -> anyhow::Result<String> {
    let id = match value {
        Some(Value::Number(number)) => Some(number.to_string()),
        other => short_text(other, MAX_ID_CHARS),
    };
    id.ok_or_else(|| anyhow::anyhow!("the profile has no usable id"))
}
