//! Forms, queries and JSON answers.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

pub const JSON: &str = "application/json; charset=utf-8";

/// The fields of a form or of a query, in order.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn parse(encoded: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(encoded)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Returns the first value of this name that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, value)| field == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

pub fn json(status: StatusCode, body: &Value) -> Response {
    answer(status, JSON, body.to_string())
}

/// Returns the members of a flat object, form-encoded. Nulls are left out.
pub fn form(status: StatusCode, body: &Value) -> Response {
    let members = body.as_object().into_iter().flatten();
    let encoded = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(members.filter_map(|(name, value)| {
            let text: Cow<str> = match value {
                Value::Null => return None,
                Value::String(text) => text.into(),
                other => other.to_string().into(),
            };
            Some((name, text))
        }))
        .finish();
    answer(
        status,
        "application/x-www-form-urlencoded; charset=utf-8",
        encoded,
    )
}

pub fn html(status: StatusCode, body: String) -> Response {
    answer(status, "text/html; charset=utf-8", body)
}

pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

pub fn redirect(address: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, address)]).into_response()
}

/// Sets the members of `changes` in `object`. A null removes the member.
pub fn merge(object: &mut Value, changes: &Value) {
    let (Some(object), Some(changes)) = (object.as_object_mut(), changes.as_object()) else {
        return;
    };
    for (name, value) in changes {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}
