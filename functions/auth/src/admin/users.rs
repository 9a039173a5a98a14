//! Users themselves: shown, made, changed, removed.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{audit, changes, password, rights, user_not_found};
use crate::{
    answer::{self, Json},
    error::{Error, Result},
    fields::Fields,
    queries::{self, admin::Changes, user::User},
    request::Call,
};

/// A user under a name.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthUserAnswer)]
pub struct UserAnswer {
    pub user: User,
}

/// `GET /api/auth/admin/get-user`
pub async fn show(call: Call) -> Result {
    let id = call.query(|fields| fields.required_text("id"))?;
    let admin = call.staff(&rights::GET_USER).await?;
    let user = queries::user::find(&call.auth.app.db, &id)
        .await?
        .ok_or_else(user_not_found)?;
    audit(&admin.user.id, "user.show", Some(&id));
    Ok(Json(user).into_response())
}

struct NewUser {
    email: String,
    password: Option<String>,
    name: String,
    role: Option<Value>,
    data: Map<String, Value>,
}

/// `POST /api/auth/admin/create-user`
pub async fn create(call: Call) -> Result {
    let new = call.body(|fields| NewUser {
        email: fields.required_text("email"),
        password: fields.text("password").filter(|text| !text.is_empty()),
        name: fields.required_text("name"),
        role: role(fields),
        data: fields.record("data").cloned().unwrap_or_default(),
    })?;
    let admin = call.staff(&rights::CREATE_USERS).await?;
    let role = match new.role.as_ref().or(new.data.get("role")) {
        None => None,
        Some(role) => Some(changes::roles(role).ok_or_else(invalid_role)?),
    };
    let email = changes::email(&new.email)?;
    if let Some(password) = &new.password {
        password::check_length(password, 0)?;
    }
    let user = Changes {
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

/// A text or a list of texts.
fn role(fields: &mut Fields<'_>) -> Option<Value> {
    let value = fields.raw("role")?;
    if changes::roles(value).is_none() {
        fields.refuse("role", "Invalid input");
    }
    Some(value.clone())
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

/// `POST /api/auth/admin/update-user`
pub async fn update(call: Call) -> Result {
    let (user_id, data) = call.body(|fields| {
        let user_id = fields.coerced_text("userId");
        if fields.raw("data").is_none() {
            fields.expected("data", "record", None);
        }
        (user_id, fields.record("data").cloned().unwrap_or_default())
    })?;
    let admin = call.staff(&rights::UPDATE_USERS).await?;
    let changes = read_update(&data, user_id == admin.user.id)?;
    let user = apply(&call, &user_id, changes).await?;
    audit(&admin.user.id, "user.update", Some(&user_id));
    Ok(Json(user).into_response())
}

/// The rules of the plugin, in its order.
fn read_update(data: &Map<String, Value>, of_oneself: bool) -> Result<Changes> {
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
        Some(role) => Some(changes::roles(role).ok_or_else(invalid_role)?),
    };
    if of_oneself && data.get("banned") == Some(&Value::Bool(true)) {
        return Err(cannot_ban_yourself());
    }
    let email = match data.get("email") {
        None => None,
        Some(Value::String(email)) => Some(changes::email(email)?),
        Some(_) => Some(changes::email("")?),
    };
    Ok(Changes {
        email,
        role,
        ..changes::read(data)?
    })
}

/// 400 of an admin's ban of themselves.
pub fn cannot_ban_yourself() -> Error {
    Error::bad_request("YOU_CANNOT_BAN_YOURSELF", "You cannot ban yourself")
}

/// Changes a user; a ban ends their sessions in the same transaction.
pub async fn apply(call: &Call, user_id: &str, changes: Changes) -> Result<User> {
    let db = &call.auth.app.db;
    let change = || async {
        if changes.banned != Some(true) {
            return queries::admin::update_user(db, user_id, &changes).await;
        }
        let mut tx = db.begin().await?;
        let user = queries::admin::update_user(&mut tx, user_id, &changes).await?;
        // A statement of its own: it sees the sessions of sign-ins that the update waited for.
        queries::session::delete_all(&mut tx, user_id).await?;
        tx.commit().await?;
        Ok(user)
    };
    db.retry(change)
        .await
        .map_err(taken_or_failed)?
        .ok_or_else(user_not_found)
}

/// `POST /api/auth/admin/set-role`
pub async fn set_role(call: Call) -> Result {
    let (user_id, role) = call.body(|fields| {
        let user_id = fields.coerced_text("userId");
        let role = fields.raw("role").and_then(changes::roles);
        if role.is_none() {
            fields.refuse("role", "Invalid input");
        }
        (user_id, role)
    })?;
    let admin = call.staff(&rights::SET_ROLE).await?;
    let changes = Changes {
        role,
        ..Changes::default()
    };
    let user = apply(&call, &user_id, changes).await?;
    audit(&admin.user.id, "user.set-role", Some(&user_id));
    Ok(Json(UserAnswer { user }).into_response())
}

/// `POST /api/auth/admin/remove-user`
pub async fn remove(call: Call) -> Result {
    let user_id = call.body(|fields| fields.coerced_text("userId"))?;
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
    Ok(answer::succeeded())
}
