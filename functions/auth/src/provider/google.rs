//! Profiles of Google: the claims of an id token.

use serde_json::{Map, Value};

use super::{
    http::Failure,
    profile::{Profile, account_id, email, text, web_address},
};

/// Returns the profile in verified claims.
pub fn profile(claims: Map<String, Value>) -> Result<Profile, Failure> {
    let verified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    Ok(Profile {
        account_id: account_id(claims.get("sub"))?,
        name: text(claims.get("name")),
        email: email(claims.get("email")),
        email_verified: verified,
        image: web_address(claims.get("picture")),
        github_username: None,
        bio: None,
        website: None,
        location: None,
        company: None,
        raw: claims,
    })
}
