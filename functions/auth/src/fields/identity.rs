//! Rules of ids and roles.

use serde_json::Value;
use shared::http::describe::{self, Schema};
use utoipa::openapi::schema::OneOfBuilder;

use super::{
    problems::Problems,
    rule::ValueRule,
    text::{is_longer, text},
};

/// Accepts any value as an id. The value is converted to a text, as JavaScript's `String` does.
pub fn any_id() -> AnyIdRule {
    AnyIdRule
}

/// See [`any_id`].
pub struct AnyIdRule;

impl ValueRule for AnyIdRule {
    type Value = String;
    const TYPE: &'static str = "nonoptional";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
        match value {
            Value::String(_) => text().check(value, path, problems),
            Value::Array(items) if items.len() > MAX_ID_ITEMS => Some("[object Object]".to_owned()),
            Value::Array(_) => text().check(&Value::String(javascript_text(value)), path, problems),
            Value::Object(_) => Some("[object Object]".to_owned()),
            other => Some(other.to_string()),
        }
    }

    fn schema(&self) -> Schema {
        describe::text(None, None)
    }
}

/// Maximum length of a list that is converted item by item. The text of a longer list is not the id of any user.
const MAX_ID_ITEMS: usize = 10;

/// Converts a list, or an item of a list, as `Array.prototype.join` of JavaScript does. The items are separated by commas.
fn javascript_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(javascript_text).collect();
            texts.join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
        other => other.to_string(),
    }
}

/// Maximum length of the stored text of all roles of a user.
pub const MAX_ROLES_CHARS: usize = 255;

/// A role or a list of roles, as the one text that is stored.
pub fn role_names() -> RoleNamesRule {
    RoleNamesRule
}

/// See [`role_names`].
#[derive(Clone, Copy)]
pub struct RoleNamesRule;

impl RoleNamesRule {
    /// Returns the roles separated by commas. Returns `None` if the value is neither a text nor a list of texts, or if the text
    /// cannot be stored.
    pub fn join(value: &Value) -> Option<String> {
        let text = |value: &Value| {
            let text = value.as_str()?;
            (!text.contains('\0') && !is_longer(text, MAX_ROLES_CHARS)).then(|| text.to_owned())
        };
        match value {
            Value::Array(roles) if roles.len() > MAX_ROLES_CHARS => None,
            Value::Array(roles) => {
                let roles: Option<Vec<String>> = roles.iter().map(text).collect();
                Some(roles?.join(",")).filter(|roles| !is_longer(roles, MAX_ROLES_CHARS))
            }
            other => text(other),
        }
    }
}

impl ValueRule for RoleNamesRule {
    type Value = String;
    const TYPE: &'static str = "string";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
        let roles = Self::join(value);
        if roles.is_none() {
            problems.add(path, "Invalid input");
        }
        roles
    }

    fn report_missing(&self, path: &str, problems: &mut Problems) {
        problems.add(path, "Invalid input");
    }

    fn schema(&self) -> Schema {
        OneOfBuilder::new()
            .item(describe::text(None, None))
            .item(describe::list(describe::text(None, None), None))
            .into()
    }
}
