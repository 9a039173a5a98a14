//! Changes of a user by an admin. Unknown columns are ignored, and each value must have the type of its column.

use serde_json::{Map, Value};
use shared::time::Timestamp;
use utoipa::openapi::KnownFormat;

use crate::{
    email::is_email,
    error::{Error, Result},
    fields::{Fields, ValueRule, boolean, describe_with, is_longer, record, role_names, text},
    names::{display_name, image_address},
    queries::admin::UserChanges,
};

/// Maximum length of an e-mail address: 64 characters, `@` and 255 characters (RFC 5321, 4.5.3.1).
const MAX_EMAIL_CHARS: usize = 320;
/// Maximum length of the reason of a ban.
pub const MAX_REASON_CHARS: usize = 500;

/// Reads the fields of `data` that every endpoint takes. It ignores unknown fields.
///
/// # Errors
/// 400 with all problems.
pub fn read(data: &Map<String, Value>) -> Result<UserChanges> {
    let mut fields = Fields::new("body.data", data);
    let changes = read_fields(&mut fields);
    let problems = fields.into_problems();
    if problems.is_empty() {
        Ok(changes)
    } else {
        Err(Error::validation(&problems))
    }
}

/// The rule of `data`.
pub fn data() -> impl ValueRule<Value = Map<String, Value>> {
    record().documented_fields(|| describe_with(read_fields))
}

fn read_fields(fields: &mut Fields<'_>) -> UserChanges {
    // These have error codes of their own.
    fields.documented("email", text());
    fields.documented("role", role_names());
    UserChanges {
        name: fields.optional("name", display_name()),
        email: None,
        email_verified: fields.optional("emailVerified", boolean()),
        image: fields.optional("image", image_address().or_null()),
        role: None,
        // Null lifts a ban.
        banned: fields
            .optional("banned", boolean().or_null())
            .map(Option::unwrap_or_default),
        ban_reason: fields.optional("banReason", text().max(MAX_REASON_CHARS).or_null()),
        ban_expires: nullable_time(fields, "banExpires"),
        is_active: fields.optional(
            "isActive",
            boolean().about("An inactive user cannot use the application and is hidden in it."),
        ),
        is_pro: fields.optional("isPro", boolean()),
    }
}

#[expect(
    clippy::option_option,
    reason = "missing, null and a time are three things"
)]
fn nullable_time(fields: &mut Fields<'_>, name: &'static str) -> Option<Option<Timestamp>> {
    let rule = text().documented_format(KnownFormat::DateTime).or_null();
    let Some(text) = fields.optional(name, rule)? else {
        return Some(None);
    };
    let time = text.parse().ok().filter(|time| is_storable(*time));
    if time.is_none() {
        fields.reject(name, "Invalid input: expected date, received Date");
    }
    Some(time)
}

/// Returns whether PostgreSQL and JavaScript can hold the time: its year is one of ISO 8601.
pub fn is_storable(time: Timestamp) -> bool {
    use chrono::Datelike;
    (0..=9999).contains(&time.0.year())
}

/// Returns the address in lower case; 400 if it is no address.
pub fn email(value: &str) -> Result<String> {
    let email = value.to_lowercase();
    if is_email(&email) && !is_longer(&email, MAX_EMAIL_CHARS) {
        Ok(email)
    } else {
        Err(Error::bad_request("INVALID_EMAIL", "Invalid email"))
    }
}

/// Returns the error for an e-mail address that another user has.
pub fn email_is_taken() -> Error {
    Error::bad_request(
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "User already exists. Use another email.",
    )
}
