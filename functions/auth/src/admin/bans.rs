//! Bans. A ban ends the user's sessions and prevents new ones.

use axum::response::IntoResponse;
use chrono::Duration;
use shared::time::Timestamp;

use super::{
    audit::audit,
    changes, rights,
    user_id::UserIdBody,
    users::{UserAnswer, apply, cannot_ban_yourself},
};
use crate::{
    answer::Json,
    error::Result,
    fields::{AuthBody, Fields, ValueRule, any_id, number, text},
    queries::admin::UserChanges,
    request::CallWith,
};

/// A ban of a user.
pub struct UserBan {
    user_id: String,
    reason: Option<String>,
    expires: Option<Timestamp>,
}

impl AuthBody for UserBan {
    const NAME: &'static str = "AuthAdminBan";
    const ABOUT: &'static str = "A ban of a user.";

    fn read(fields: &mut Fields<'_>) -> Self {
        let user_id = fields.required("userId", any_id());
        let reason = fields.optional(
            "banReason",
            text()
                .max(changes::MAX_REASON_CHARS)
                .about("\"No reason\" by default."),
        );
        let seconds = fields.optional(
            "banExpiresIn",
            number().about("Seconds; without a limit by default."),
        );
        let seconds = seconds.unwrap_or_default();
        let expires = (seconds != 0.0).then(|| after(seconds));
        if expires == Some(None) {
            fields.reject(
                "banExpiresIn",
                "Invalid input: expected number, received number",
            );
        }
        Self {
            user_id,
            reason: reason.filter(|reason| !reason.is_empty()),
            expires: expires.flatten(),
        }
    }
}

/// Returns the time that many seconds from now; `None` if no column can hold it.
fn after(seconds: f64) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a larger value becomes the largest, which is rejected"
    )]
    let duration = Duration::try_milliseconds((seconds * 1000.0) as i64)?;
    let end = Timestamp::now().0.checked_add_signed(duration)?;
    Some(Timestamp(end)).filter(|time| changes::is_storable(*time))
}

/// `POST /api/auth/admin/ban-user`
pub async fn ban(CallWith(call, ban): CallWith<UserBan>) -> Result {
    let admin = call.staff(&rights::BAN_USERS).await?;
    if ban.user_id == admin.user.id {
        return Err(cannot_ban_yourself());
    }
    let changes = UserChanges {
        banned: Some(true),
        ban_reason: Some(Some(ban.reason.unwrap_or_else(|| "No reason".to_owned()))),
        ban_expires: Some(ban.expires),
        ..UserChanges::default()
    };
    let user = apply(&call, &ban.user_id, changes).await?;
    audit(&admin.user.id, "user.ban", Some(&ban.user_id));
    Ok(Json(UserAnswer { user }).into_response())
}

/// `POST /api/auth/admin/unban-user`
pub async fn unban(CallWith(call, body): CallWith<UserIdBody>) -> Result {
    let user_id = body.user_id;
    let admin = call.staff(&rights::BAN_USERS).await?;
    let changes = UserChanges {
        banned: Some(false),
        ban_reason: Some(None),
        ban_expires: Some(None),
        ..UserChanges::default()
    };
    let user = apply(&call, &user_id, changes).await?;
    audit(&admin.user.id, "user.unban", Some(&user_id));
    Ok(Json(UserAnswer { user }).into_response())
}
