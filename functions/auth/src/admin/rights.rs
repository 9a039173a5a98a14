//! Who may do what. Roles are stored in one text, separated by commas; only `admin` has rights.

use axum::{http::StatusCode, response::IntoResponse};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::config::Config;
use utoipa::ToSchema;

use crate::{
    answer::Json,
    error::{Error, Result},
    queries::user::User,
    request::Call,
    session::Current,
};

/// What the role `admin` may do: not `impersonate-admins`.
const ADMIN: [(&str, &[&str]); 2] = [
    (
        "user",
        &[
            "create",
            "list",
            "set-role",
            "ban",
            "impersonate",
            "delete",
            "set-password",
            "set-email",
            "set-phone",
            "get",
            "update",
        ],
    ),
    ("session", &["list", "revoke", "delete"]),
];

/// What an endpoint asks for, and what it tells those who may not.
pub struct Right {
    resource: &'static str,
    action: &'static str,
    code: &'static str,
    message: &'static str,
}

macro_rules! rights {
    ($($name:ident: $resource:literal $action:literal $code:literal $message:literal;)*) => {
        $(pub const $name: Right = Right {
            resource: $resource,
            action: $action,
            code: $code,
            message: $message,
        };)*
    };
}

rights! {
    LIST_USERS: "user" "list" "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS" "You are not allowed to list users";
    GET_USER: "user" "get" "YOU_ARE_NOT_ALLOWED_TO_GET_USER" "You are not allowed to get user";
    CREATE_USERS: "user" "create" "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS" "You are not allowed to create users";
    UPDATE_USERS: "user" "update" "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS" "You are not allowed to update users";
    SET_ROLE: "user" "set-role" "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE" "You are not allowed to change users role";
    BAN_USERS: "user" "ban" "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS" "You are not allowed to ban users";
    LIST_SESSIONS: "session" "list" "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS" "You are not allowed to list users sessions";
    REVOKE_SESSIONS: "session" "revoke" "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS" "You are not allowed to revoke users sessions";
    IMPERSONATE: "user" "impersonate" "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS" "You are not allowed to impersonate users";
    DELETE_USERS: "user" "delete" "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS" "You are not allowed to delete users";
    SET_PASSWORD: "user" "set-password" "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD" "You are not allowed to set users password";
}

/// Whether a user has the role `admin`, or is named in `ADMIN_USER_IDS`.
pub fn is_admin(config: &Config, user: &User) -> bool {
    let role = user.role.as_deref().unwrap_or_default();
    role.split(',').any(|role| role == "admin") || config.admin_user_ids.contains(&user.id)
}

fn allows(config: &Config, user: &User, resource: &str, action: &str) -> bool {
    is_admin(config, user)
        && ADMIN
            .iter()
            .any(|(name, actions)| *name == resource && actions.contains(&action))
}

impl Call {
    /// The admin who sends the request; 401 with an empty body or 403 for others.
    pub async fn staff(&self, right: &Right) -> Result<Current> {
        let current = self.signed_in_or_bare().await?;
        let config = &self.auth.app.config;
        if allows(config, &current.user, right.resource, right.action) {
            Ok(current)
        } else {
            Err(Error::forbidden(right.code, right.message))
        }
    }
}

/// Whether the caller may.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthPermission)]
pub struct Permission {
    /// Always null.
    error: Option<String>,
    success: bool,
}

/// `POST /api/auth/admin/has-permission`: the session's own user; `userId` and `role` of the body are for servers.
pub async fn has_permission(call: Call) -> Result {
    let (one, several) = call.body(|fields| {
        fields.text("role");
        let lists = |name| fields.raw(name).map(read_lists);
        (lists("permission"), lists("permissions"))
    })?;
    let asked = match (one, several) {
        (None, Some(Some(asked))) => asked,
        (Some(Some(_)), None) => {
            return Err(Error::Message(
                StatusCode::BAD_REQUEST,
                "invalid permission check. no permission(s) were passed.".to_owned(),
            ));
        }
        _ => return Err(Error::validation(&["[body] Invalid input".to_owned()])),
    };
    let current = call.signed_in_or_bare().await?;
    let config = &call.auth.app.config;
    let success = !asked.is_empty()
        && asked.iter().all(|(resource, actions)| {
            !actions.is_empty()
                && actions
                    .iter()
                    .all(|action| allows(config, &current.user, resource, action))
        });
    Ok(Json(Permission {
        error: None,
        success,
    })
    .into_response())
}

/// An object of lists of texts; `None` for anything else.
fn read_lists(value: &Value) -> Option<Vec<(String, Vec<String>)>> {
    let object: &Map<String, Value> = value.as_object()?;
    object
        .iter()
        .map(|(name, list)| {
            let list = list.as_array()?;
            let texts: Option<Vec<String>> = list
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect();
            Some((name.clone(), texts?))
        })
        .collect()
}
