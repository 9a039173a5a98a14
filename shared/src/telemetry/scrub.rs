//! Takes out of Sentry's events what must not leave: e-mail addresses, and anything that looks like a credential.

use std::borrow::Cow;

use sentry::protocol::{Breadcrumb, Event, Log, LogAttribute, Value};

/// What stands for the part that was taken out.
const FILTERED: &str = "[filtered]";

/// Names of fields whose values never leave.
const SECRET_NAMES: [&str; 8] = [
    "cookie",
    "authorization",
    "token",
    "secret",
    "password",
    "api-key",
    "apikey",
    "email",
];

/// Length from which a run of letters and digits counts as a credential: tokens and keys are 32 and longer, while ids
/// in messages are told from them by nothing and go too.
const CREDENTIAL_LENGTH: usize = 32;

pub(super) fn event(mut event: Event<'static>) -> Event<'static> {
    if let Some(message) = &mut event.message {
        *message = text(message).into_owned();
    }
    for exception in &mut event.exception.values {
        if let Some(value) = &mut exception.value {
            *value = text(value).into_owned();
        }
    }
    if let Some(request) = &mut event.request {
        request.cookies = None;
        request.data = None;
        request.query_string = None;
        request.headers.retain(|name, _| !is_secret(name));
    }
    if let Some(user) = &mut event.user {
        user.email = None;
    }
    for (name, value) in &mut event.extra {
        scrub_field(name, value);
    }
    event
}

pub(super) fn breadcrumb(mut breadcrumb: Breadcrumb) -> Breadcrumb {
    if let Some(message) = &mut breadcrumb.message {
        *message = text(message).into_owned();
    }
    for (name, value) in &mut breadcrumb.data {
        scrub_field(name, value);
    }
    breadcrumb
}

pub(super) fn log(mut log: Log) -> Log {
    log.body = text(&log.body).into_owned();
    for (name, LogAttribute(value)) in &mut log.attributes {
        scrub_field(name, value);
    }
    log
}

fn scrub_field(name: &str, value: &mut Value) {
    if is_secret(name) {
        *value = Value::from(FILTERED);
    } else if let Value::String(found) = value {
        // A user's id is no secret, and as long as a token.
        if !matches!(name, "userId" | "requestId" | "traceId") {
            *found = text(found).into_owned();
        }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// The text without words that hold an address (`@`) or a credential.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    let is_bad = |word: &str| word.contains('@') || has_credential(word);
    if !text.split_whitespace().any(is_bad) {
        return Cow::Borrowed(text);
    }
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| if is_bad(word) { FILTERED } else { word })
        .collect();
    Cow::Owned(words.join(" "))
}

/// A long run of letters and digits with both in it; UUIDs are not, they are cut by hyphens.
fn has_credential(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|run| run.len() >= CREDENTIAL_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_credentials_are_taken_out() {
        for (found, expected) in [
            (
                "no row for ada@test.example here",
                "no row for [filtered] here",
            ),
            (
                "connect postgres://u:p@host/db failed",
                "connect [filtered] failed",
            ),
            (
                "token pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E is bad",
                "token [filtered] is bad",
            ),
            (
                "request 3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11 failed",
                "request 3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11 failed",
            ),
        ] {
            assert_eq!(text(found), expected);
        }
    }

    #[test]
    fn secret_fields_are_filtered_by_name() {
        let mut value = Value::from("x");
        scrub_field("Set-Cookie", &mut value);
        assert_eq!(value, FILTERED);
    }
}
