//! The rights of roles. Roles are stored in one text, separated by commas; only `admin` has rights.

use axum::{http::StatusCode, response::IntoResponse};
use serde::Serialize;
use serde_json::Value;
use shared::{
    config::Config,
    http::describe::{self, Schema},
};
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

use crate::{
    answer::Json,
    current_session::CurrentSession,
    error::{Error, Result},
    fields::{AuthBody, Fields, Problems, ValueRule, text},
    queries::user::User,
    request::{Call, CallWith},
};

/// The actions of the role `admin`: all but `impersonate-admins`.
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

/// A right that an endpoint requires, and its error for callers without it.
pub struct Right {
    resource: &'static str,
    action: &'static str,
    code: &'static str,
    message: &'static str,
}

impl Right {
    /// Returns the error 403 for a caller without this right.
    pub fn refusal(&self) -> Error {
        Error::forbidden(self.code, self.message)
    }
}

const fn right(
    resource: &'static str,
    action: &'static str,
    code: &'static str,
    message: &'static str,
) -> Right {
    Right {
        resource,
        action,
        code,
        message,
    }
}

pub const LIST_USERS: Right = right(
    "user",
    "list",
    "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS",
    "You are not allowed to list users",
);
pub const GET_USER: Right = right(
    "user",
    "get",
    "YOU_ARE_NOT_ALLOWED_TO_GET_USER",
    "You are not allowed to get user",
);
pub const CREATE_USERS: Right = right(
    "user",
    "create",
    "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS",
    "You are not allowed to create users",
);
pub const UPDATE_USERS: Right = right(
    "user",
    "update",
    "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS",
    "You are not allowed to update users",
);
pub const SET_ROLE: Right = right(
    "user",
    "set-role",
    "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE",
    "You are not allowed to change users role",
);
pub const BAN_USERS: Right = right(
    "user",
    "ban",
    "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS",
    "You are not allowed to ban users",
);
pub const LIST_SESSIONS: Right = right(
    "session",
    "list",
    "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS",
    "You are not allowed to list users sessions",
);
pub const REVOKE_SESSIONS: Right = right(
    "session",
    "revoke",
    "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS",
    "You are not allowed to revoke users sessions",
);
pub const IMPERSONATE: Right = right(
    "user",
    "impersonate",
    "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
    "You are not allowed to impersonate users",
);
pub const DELETE_USERS: Right = right(
    "user",
    "delete",
    "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS",
    "You are not allowed to delete users",
);
pub const SET_PASSWORD: Right = right(
    "user",
    "set-password",
    "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD",
    "You are not allowed to set users password",
);

/// Returns whether a user has the role `admin`, or is named in `ADMIN_USER_IDS`.
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
    /// Returns the session of an admin. Other callers get 401 with an empty body, or 403.
    pub async fn staff(&self, right: &Right) -> Result<CurrentSession> {
        let current = self.signed_in_or_bare().await?;
        let config = &self.auth.app.config;
        if allows(config, &current.user, right.resource, right.action) {
            Ok(current)
        } else {
            Err(right.refusal())
        }
    }
}

/// Whether the caller has the permission.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthPermission)]
pub struct Permission {
    /// Always null.
    error: Option<String>,
    success: bool,
}

/// Lists of actions by resource.
type ResourceActions = Vec<(String, Vec<String>)>;

/// The rule of an object whose keys are resources and whose values are lists of actions.
struct ResourceActionsRule;

impl ValueRule for ResourceActionsRule {
    type Value = ResourceActions;
    const TYPE: &'static str = "record";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Self::Value> {
        let actions = |(resource, actions): (&String, &Value)| {
            let actions = actions.as_array()?.iter();
            let actions: Option<_> = actions
                .map(|item| item.as_str().map(str::to_owned))
                .collect();
            Some((resource.clone(), actions?))
        };
        let lists = value.as_object();
        let lists = lists.and_then(|lists| lists.iter().map(actions).collect());
        if lists.is_none() {
            problems.add(path, "Invalid input");
        }
        lists
    }

    fn schema(&self) -> Schema {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(describe::list(describe::text(None, None), None)))
            .into()
    }
}

/// The permissions that a request checks.
pub struct PermissionCheck {
    /// `None` in the older form, which names one permission.
    permissions: Option<ResourceActions>,
}

impl AuthBody for PermissionCheck {
    const NAME: &'static str = "AuthPermissionQuestion";
    const ABOUT: &'static str = "Actions by resource.";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.undocumented("role", text());
        let permission = fields.undocumented("permission", ResourceActionsRule);
        fields.documented_as_required("permissions", ResourceActionsRule);
        let permissions = fields.undocumented("permissions", ResourceActionsRule);
        if fields.has_problems() || permission.is_some() == permissions.is_some() {
            fields.reject_all();
        }
        Self { permissions }
    }
}

/// `POST /api/auth/admin/has-permission`: checks the rights of the signed-in user. Better Auth reads `userId` and `role` of the
/// body only in calls from a server, so they are ignored here.
pub async fn has_permission(CallWith(call, body): CallWith<PermissionCheck>) -> Result {
    let Some(actions) = body.permissions else {
        return Err(Error::Message(
            StatusCode::BAD_REQUEST,
            "invalid permission check. no permission(s) were passed.".to_owned(),
        ));
    };
    let current = call.signed_in_or_bare().await?;
    let config = &call.auth.app.config;
    let success = !actions.is_empty()
        && actions.iter().all(|(resource, wanted)| {
            !wanted.is_empty()
                && wanted
                    .iter()
                    .all(|action| allows(config, &current.user, resource, action))
        });
    Ok(Json(Permission {
        error: None,
        success,
    })
    .into_response())
}
