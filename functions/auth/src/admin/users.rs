//! Users: show, create, update, remove.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    account_work::continue_account_work,
    audit::{audit, user_not_found},
    changes, password, rights,
    user_id::UserIdBody,
};
use crate::{
    answer::{self, Json},
    error::{Error, Result},
    fields::{AuthBody, Fields, RoleNamesRule, ValueRule, any_id, role_names, text},
    names::display_name,
    queries::{self, admin::UserChanges, user::User},
    request::{Call, CallWith},
};

/// A user as a property.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthUserAnswer)]
pub struct UserAnswer {
    pub user: User,
}

/// `GET /api/auth/admin/get-user`
pub async fn show(call: Call) -> Result {
    let id = call.query(|fields| fields.required("id", text()))?;
    let admin = call.staff(&rights::GET_USER).await?;
    let user = queries::user::find(&call.auth.app.db, &id)
        .await?
        .ok_or_else(user_not_found)?;
    audit(&admin.user.id, "user.show", Some(&id));
    Ok(Json(user).into_response())
}

/// A new user.
pub struct CreateUser {
    email: String,
    password: Option<String>,
    name: String,
    role: Option<String>,
    data: Map<String, Value>,
}

impl AuthBody for CreateUser {
    const NAME: &'static str = "AuthAdminCreateUser";
    const ABOUT: &'static str = "A new user.";

    fn read(fields: &mut Fields<'_>) -> Self {
        let email = fields.required("email", text());
        let password = fields.optional(
            "password",
            text().documented_length(None, password::MAX_LENGTH),
        );
        Self {
            email,
            password: password.filter(|text| !text.is_empty()),
            name: fields.required("name", display_name()),
            role: fields.optional("role", role_names().about("One role or several.")),
            data: fields.optional("data", changes::data()).unwrap_or_default(),
        }
    }
}

/// `POST /api/auth/admin/create-user`
pub async fn create(CallWith(call, new): CallWith<CreateUser>) -> Result {
    let admin = call.staff(&rights::CREATE_USERS).await?;
    let role = match (new.role, new.data.get("role")) {
        (None, Some(role)) => Some(RoleNamesRule::join(role).ok_or_else(invalid_role)?),
        (role, _) => role,
    };
    let email = changes::email(&new.email)?;
    if let Some(password) = &new.password {
        password::check_length(password, 0)?;
    }
    let user = UserChanges {
        email: Some(email),
        name: Some(new.name),
        role,
        ..changes::read(&new.data)?
    };
    let hash = match new.password {
        None => None,
        Some(password) => Some(password::hash(password).await?),
    };
    let user = queries::admin::insert_user(&call.auth.app.db, &user, hash.as_deref())
        .await
        .map_err(taken_or_failed)?;
    audit(&admin.user.id, "user.create", Some(&user.id));
    Ok(Json(UserAnswer { user }).into_response())
}

fn invalid_role() -> Error {
    Error::bad_request("INVALID_ROLE_TYPE", "Invalid role type")
}

fn taken_or_failed(error: sqlx::Error) -> Error {
    let is_taken = error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if is_taken {
        changes::email_is_taken()
    } else {
        error.into()
    }
}

/// Changes of a user.
pub struct UpdateUser {
    user_id: String,
    data: Map<String, Value>,
}

impl AuthBody for UpdateUser {
    const NAME: &'static str = "AuthAdminUpdateUser";
    const ABOUT: &'static str = "Changes of a user.";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            user_id: fields.required("userId", any_id()),
            data: fields.required("data", changes::data()),
        }
    }
}

/// `POST /api/auth/admin/update-user`
pub async fn update(CallWith(call, body): CallWith<UpdateUser>) -> Result {
    let UpdateUser { user_id, data } = body;
    let admin = call.staff(&rights::UPDATE_USERS).await?;
    let changes = read_update(&data, user_id == admin.user.id)?;
    let user = apply(&call, &user_id, changes).await?;
    audit(&admin.user.id, "user.update", Some(&user_id));
    Ok(Json(user).into_response())
}

/// Applies the plugin's rules, in its order.
fn read_update(data: &Map<String, Value>, of_oneself: bool) -> Result<UserChanges> {
    if data.is_empty() {
        return Err(Error::bad_request("NO_DATA_TO_UPDATE", "No data to update"));
    }
    if data.contains_key("password") {
        return Err(Error::bad_request(
            "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER",
            "Password cannot be updated through update-user. Use the set-user-password endpoint instead",
        ));
    }
    if data.contains_key("id") {
        return Err(Error::bad_request(
            "USER_ID_CANNOT_BE_UPDATED",
            "User id cannot be updated",
        ));
    }
    let role = match data.get("role") {
        None => None,
        Some(role) => Some(RoleNamesRule::join(role).ok_or_else(invalid_role)?),
    };
    if of_oneself && data.get("banned") == Some(&Value::Bool(true)) {
        return Err(cannot_ban_yourself());
    }
    let email = match data.get("email") {
        None => None,
        Some(Value::String(email)) => Some(changes::email(email)?),
        Some(_) => Some(changes::email("")?),
    };
    Ok(UserChanges {
        email,
        role,
        ..changes::read(data)?
    })
}

/// 400 of admins who ban themselves.
pub fn cannot_ban_yourself() -> Error {
    Error::bad_request("YOU_CANNOT_BAN_YOURSELF", "You cannot ban yourself")
}

/// Changes a user. In the same transaction, a ban ends the user's sessions, and a user who stops being an admin stops
/// impersonating others.
pub async fn apply(call: &Call, user_id: &str, changes: UserChanges) -> Result<User> {
    let db = &call.auth.app.db;
    let bans = changes.banned == Some(true);
    let demotes = changes.role.is_some() || changes.is_active == Some(false);
    let change = || async {
        if !bans && !demotes {
            return queries::admin::update_user(db, user_id, &changes).await;
        }
        let mut tx = db.begin().await?;
        let user = queries::admin::update_user(&mut tx, user_id, &changes).await?;
        let is_admin = user
            .as_ref()
            .is_some_and(|user| rights::is_admin(&call.auth.app.config, user));
        // A separate statement also sees the sessions of sign-ins that the update waited for.
        if bans {
            queries::session::delete_all(&mut tx, user_id).await?;
        } else if !is_admin || changes.is_active == Some(false) {
            queries::session::delete_impersonations(&mut tx, user_id).await?;
        }
        tx.commit().await?;
        Ok(user)
    };
    let user = db.retry(change).await.map_err(taken_or_failed)?;
    if changes.banned.is_some() || changes.is_active.is_some() {
        continue_account_work(db).await;
    }
    user.ok_or_else(user_not_found)
}

/// A user's new role.
pub struct UserRole {
    user_id: String,
    role: String,
}

impl AuthBody for UserRole {
    const NAME: &'static str = "AuthAdminSetRole";
    const ABOUT: &'static str = "A user's new role.";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            user_id: fields.required("userId", any_id()),
            role: fields.required("role", role_names()),
        }
    }
}

/// `POST /api/auth/admin/set-role`
pub async fn set_role(CallWith(call, body): CallWith<UserRole>) -> Result {
    let UserRole { user_id, role } = body;
    let admin = call.staff(&rights::SET_ROLE).await?;
    let changes = UserChanges {
        role: Some(role),
        ..UserChanges::default()
    };
    let user = apply(&call, &user_id, changes).await?;
    audit(&admin.user.id, "user.set-role", Some(&user_id));
    Ok(Json(UserAnswer { user }).into_response())
}

/// `POST /api/auth/admin/remove-user`
pub async fn remove(CallWith(call, body): CallWith<UserIdBody>) -> Result {
    let user_id = body.user_id;
    let admin = call.staff(&rights::DELETE_USERS).await?;
    if user_id == admin.user.id {
        return Err(Error::bad_request(
            "YOU_CANNOT_REMOVE_YOURSELF",
            "You cannot remove yourself",
        ));
    }
    let db = &call.auth.app.db;
    let deleted = db
        .retry(|| queries::admin::delete_user(db, &user_id))
        .await?;
    if !deleted {
        return Err(user_not_found());
    }
    audit(&admin.user.id, "user.remove", Some(&user_id));
    continue_account_work(db).await;
    Ok(answer::succeeded())
}
