//! What an admin sets of a user: only columns that are known, and only of their types.

use serde_json::{Map, Value};
use shared::time::Timestamp;

use crate::{
    error::{Error, Result},
    fields::Fields,
    queries::admin::Changes,
};

/// Reads the fields of `data` that every endpoint takes; others are ignored. `role` and `email` have rules of their own.
pub fn read(data: &Map<String, Value>) -> Result<Changes> {
    let mut fields = Fields::new("body.data", data);
    let changes = Changes {
        name: fields.text("name"),
        email: None,
        email_verified: fields.flag("emailVerified"),
        image: fields.nullable_text("image"),
        role: None,
        banned: match fields.raw("banned") {
            Some(Value::Null) => Some(false),
            _ => fields.flag("banned"),
        },
        ban_reason: fields.nullable_text("banReason"),
        ban_expires: nullable_time(&mut fields, "banExpires"),
        is_active: fields.flag("isActive"),
        is_pro: fields.flag("isPro"),
    };
    let problems = fields.into_problems();
    if problems.is_empty() {
        Ok(changes)
    } else {
        Err(Error::validation(&problems))
    }
}

#[expect(
    clippy::option_option,
    reason = "missing, null and a time are three things"
)]
fn nullable_time(fields: &mut Fields<'_>, name: &str) -> Option<Option<Timestamp>> {
    let Some(text) = fields.nullable_text(name)? else {
        return Some(None);
    };
    let time = text.parse().ok().filter(|time| is_storable(*time));
    if time.is_none() {
        fields.refuse(name, "Invalid input: expected date, received Date");
    }
    Some(time)
}

/// Whether PostgreSQL and JavaScript can hold the time: the years of ISO 8601.
pub fn is_storable(time: Timestamp) -> bool {
    use chrono::Datelike;
    (0..=9999).contains(&time.0.year())
}

/// The roles of a text or a list of texts, in the one text that is stored; `None` for anything else.
pub fn roles(value: &Value) -> Option<String> {
    let text = |value: &Value| {
        let text = value.as_str()?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    match value {
        Value::Array(roles) => {
            let roles: Option<Vec<String>> = roles.iter().map(text).collect();
            Some(roles?.join(","))
        }
        other => text(other),
    }
}

/// The address in lower case; 400 where it is none.
pub fn email(value: &str) -> Result<String> {
    let email = value.to_lowercase();
    if is_email(&email) {
        Ok(email)
    } else {
        Err(Error::bad_request("INVALID_EMAIL", "Invalid email"))
    }
}

/// What zod 4 takes for an e-mail address.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '+' | '-'))
    };
    let Some((labels, last)) = domain.rsplit_once('.') else {
        return false;
    };
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    local.split('.').all(is_atom)
        && !local.ends_with('\'')
        && labels.split('.').all(is_label)
        && last.len() >= 2
        && last.chars().all(|c| c.is_ascii_alphabetic())
}

/// 400 of an address that somebody else has.
pub fn email_is_taken() -> Error {
    Error::bad_request(
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "User already exists. Use another email.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_what_zod_takes() {
        for good in ["a@b.co", "a.b+c@x-y.example.com", "o'neil@b.co", "1@2.cc"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "a@b.c",
            "@b.co",
            ".a@b.co",
            "a..b@c.co",
            "a.@b.co",
            "a'@b.co",
            "a b@c.co",
            "a@-b.co",
            "a@b..co",
            "a@b.c0",
            "a@b@c.co",
            "ä@b.co",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn roles_are_joined() {
        assert_eq!(roles(&json!("a,b")).as_deref(), Some("a,b"));
        assert_eq!(roles(&json!(["a", "b"])).as_deref(), Some("a,b"));
        for bad in [json!(1), json!(null), json!(["a", 1]), json!("\0")] {
            assert_eq!(roles(&bad), None, "{bad}");
        }
    }
}
