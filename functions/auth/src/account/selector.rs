//! Which of the user's accounts a request means.

use serde_json::Value;

use crate::{
    error::{Error, Result},
    fields::Fields,
    queries::account::Selector,
    request::Call,
};

/// The selector that the body is.
pub fn from_body(call: &Call) -> Result<Selector> {
    call.object()
        .and_then(|values| read(&Fields::new("body", values)))
        .ok_or_else(|| invalid("body"))
}

/// The selector that the query is.
pub fn from_query(call: &Call) -> Result<Selector> {
    call.query(|fields| read(fields))?
        .ok_or_else(|| invalid("query"))
}

/// Selectors have several forms, so the validator names no field.
fn invalid(part: &str) -> Error {
    Error::validation(&[format!("[{part}] Invalid input")])
}

/// What a selector's fields say; `None` where they say nothing, too much, or something else.
fn read(fields: &Fields<'_>) -> Option<Selector> {
    let text = |name: &str| match fields.raw(name) {
        None => Some(None),
        Some(Value::String(text)) if !text.contains('\0') => Some(Some(text.clone())),
        Some(_) => None,
    };
    // It is accepted, and the session's user counts.
    text("userId")?;
    let account_id = text("accountId")?;
    let provider_id = text("providerId")?;
    let cookie = match fields.raw("useAccountCookie") {
        None => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return None,
    };
    let known = ["userId", "accountId", "providerId", "useAccountCookie"];
    if fields.names().any(|name| !known.contains(&name)) {
        return None;
    }
    match (provider_id, account_id, cookie) {
        (Some(provider_id), account_id, false) => Some(Selector::Provider {
            provider_id,
            account_id,
        }),
        (None, Some(id), false) => Some(Selector::Row(id)),
        (None, None, true) => Some(Selector::Cookie),
        _ => None,
    }
}
