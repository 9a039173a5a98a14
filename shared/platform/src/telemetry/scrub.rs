//! Removes e-mail addresses and everything that looks like a credential from log lines and Sentry's events.

use std::borrow::Cow;

use sentry::protocol::{Breadcrumb, Event, Log, LogAttribute, Value};

/// Replaces the removed part.
const FILTERED: &str = "[filtered]";

/// Fields whose name contains one of these are always removed.
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

/// A run of letters and digits of at least this length counts as a credential. Better Auth's tokens have 24 or more.
const CREDENTIAL_LENGTH: usize = 24;

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
        field(name, value);
    }
    event
}

pub(super) fn breadcrumb(mut breadcrumb: Breadcrumb) -> Breadcrumb {
    if let Some(message) = &mut breadcrumb.message {
        *message = text(message).into_owned();
    }
    for (name, value) in &mut breadcrumb.data {
        field(name, value);
    }
    breadcrumb
}

pub(super) fn log(mut log: Log) -> Log {
    log.body = text(&log.body).into_owned();
    for (name, LogAttribute(value)) in &mut log.attributes {
        // `sentry.release` contains an `@` and is not an address.
        if !name.starts_with("sentry.") {
            field(name, value);
        }
    }
    log
}

/// Scrubs a named value.
pub(super) fn field(name: &str, value: &mut Value) {
    if is_secret(name) {
        *value = Value::from(FILTERED);
    } else if let Value::String(found) = value {
        // A single word may be an id that looks like a token, so it is kept. Words in errors and paths may be tokens.
        let is_id = !matches!(name, "error" | "path") && !found.contains(char::is_whitespace);
        if !is_id || has_address(found) {
            *found = text(found).into_owned();
        }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// Replaces words that contain an e-mail address or a credential.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if !text.split_whitespace().any(is_sensitive) {
        return Cow::Borrowed(text);
    }
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| if is_sensitive(word) { FILTERED } else { word })
        .collect();
    Cow::Owned(words.join(" "))
}

fn is_sensitive(word: &str) -> bool {
    has_address(word) || has_credential(word) || assigns_secret(word)
}

/// Matches `ada@example.org` and `postgres://user:password@host`, but neither an SQL operator nor an `@` at the start
/// of a word.
fn has_address(word: &str) -> bool {
    word.match_indices('@').any(|(at, _)| {
        at > 0
            && !word[..at].ends_with(char::is_whitespace)
            && word[at + 1..].starts_with(char::is_alphanumeric)
    })
}

/// Matches a long run of letters and digits. A UUID has none, because it contains hyphens.
fn has_credential(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|run| run.len() >= CREDENTIAL_LENGTH)
}

/// Matches `password=hunter2`.
fn assigns_secret(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, value)| !value.is_empty() && is_secret(name))
}

#[cfg(test)]
mod tests {
    use sentry::protocol::{Request, User};

    use super::*;

    #[test]
    fn addresses_and_credentials_are_removed() {
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
                "password=hunter2 is wrong, x = 1 is not",
                "[filtered] is wrong, x = 1 is not",
            ),
            ("tags @> $1 and @Public", "tags @> $1 and @Public"),
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
        field("Set-Cookie", &mut value);
        assert_eq!(value, FILTERED);
    }

    #[test]
    fn an_id_is_distinguished_from_a_token_by_its_field() {
        let id = "pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E";
        for (name, expected) in [("actor", id), ("error", FILTERED), ("path", FILTERED)] {
            let mut value = Value::from(id);
            field(name, &mut value);
            assert_eq!(value, expected, "{name}");
        }
    }

    #[test]
    fn an_event_keeps_its_tags_and_loses_the_rest() {
        let mut event = Event {
            message: Some("hello ada@test.example".to_owned()),
            user: Some(User {
                id: Some("pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E".to_owned()),
                email: Some("ada@test.example".to_owned()),
                ..User::default()
            }),
            request: Some(Request {
                cookies: Some("a=b".to_owned()),
                data: Some("body".to_owned()),
                query_string: Some("code=1".to_owned()),
                headers: [("Cookie", "a=b"), ("X-Api-Key", "k"), ("Accept", "*/*")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                ..Request::default()
            }),
            ..Event::default()
        };
        event.extra.insert("token".to_owned(), Value::from("x"));
        event.tags.insert("route".to_owned(), "/users".to_owned());

        let event = super::event(event);

        assert_eq!(event.message.as_deref(), Some("hello [filtered]"));
        let user = event.user.unwrap();
        assert_eq!(user.id.unwrap().len(), 32);
        assert_eq!(user.email, None);
        let request = event.request.unwrap();
        assert_eq!(request.headers.into_keys().collect::<Vec<_>>(), ["Accept"]);
        assert_eq!(
            (request.cookies, request.data, request.query_string),
            (None, None, None)
        );
        assert_eq!(event.extra["token"], FILTERED);
        assert_eq!(event.tags["route"], "/users");
    }
}
