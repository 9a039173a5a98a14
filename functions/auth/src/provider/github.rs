//! Profiles of GitHub: `/user`, and `/user/emails` for the address and whether it is verified.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    http::{Failure, Http},
    profile::{Profile, account_id, email, short_text, text, web_address},
};

/// Maximum length of a user name at GitHub.
const MAX_LOGIN_CHARS: usize = 39;
/// Maximum lengths of the profile's columns.
const MAX_BIO_CHARS: usize = 500;
const MAX_LINE_CHARS: usize = 255;

/// Returns the profile of a token. Without the list of addresses, the profile's address counts as not verified.
pub async fn profile(
    http: &Http,
    api_url: &str,
    token: &str,
    deadline: Instant,
) -> Result<Profile, Failure> {
    let (user, emails) = (format!("{api_url}/user"), format!("{api_url}/user/emails"));
    let addresses = async {
        match http.get(&emails, Some(token), deadline).await {
            Ok(emails) => Ok(emails),
            Err(error) => {
                tracing::warn!(error = %format_args!("{error:#}"), "GitHub returned no list of addresses");
                Ok(Vec::new())
            }
        }
    };
    let (mut raw, emails): (Map<String, Value>, Vec<Value>) =
        tokio::try_join!(http.get(&user, Some(token), deadline), addresses)?;
    if text(raw.get("email")).is_none() {
        let primary = emails
            .iter()
            .find(|entry| entry["primary"] == Value::Bool(true));
        if let Some(entry) = primary.or(emails.first()) {
            raw.insert("email".to_owned(), entry["email"].clone());
        }
    }
    let verified = emails
        .iter()
        .find(|entry| raw.get("email") == Some(&entry["email"]))
        .is_some_and(|entry| entry["verified"] == Value::Bool(true));
    let login = short_text(raw.get("login"), MAX_LOGIN_CHARS).filter(|login| {
        login
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    Ok(Profile {
        account_id: account_id(raw.get("id"))?,
        name: text(raw.get("name"))
            .or_else(|| text(raw.get("login")))
            .or_else(|| Some(String::new())),
        email: email(raw.get("email")),
        email_verified: verified,
        image: web_address(raw.get("avatar_url")),
        github_username: login,
        bio: short_text(raw.get("bio"), MAX_BIO_CHARS),
        website: website(raw.get("blog")),
        location: short_text(raw.get("location"), MAX_LINE_CHARS),
        company: short_text(raw.get("company"), MAX_LINE_CHARS),
        raw,
    })
}

/// Returns a website, which people enter as an address or as a host without a scheme.
fn website(value: Option<&Value>) -> Option<String> {
    let text = short_text(value, MAX_LINE_CHARS)?;
    let address = if text.contains("://") {
        text
    } else {
        format!("https://{text}")
    };
    let url = url::Url::parse(&address).ok()?;
    let good = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| host.contains('.'))
        && url.username().is_empty()
        && url.password().is_none()
        && address.chars().count() <= MAX_LINE_CHARS;
    good.then_some(address)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn malformed_websites_are_dropped() {
        let website = |text: &str| website(Some(&json!(text)));
        assert_eq!(
            website("ada.example.com").as_deref(),
            Some("https://ada.example.com")
        );
        assert_eq!(
            website("http://ada.example.com/x").as_deref(),
            Some("http://ada.example.com/x")
        );
        for bad in [
            "",
            "javascript:alert(1)",
            "ftp://a.example",
            "not a site",
            "me@example.com",
        ] {
            assert_eq!(website(bad), None, "{bad}");
        }
    }
}
