//! Bans, which end the user's sessions and keep new ones from being made.

use axum::response::IntoResponse;
use chrono::Duration;
use shared::time::Timestamp;

use super::{
    audit, changes, rights,
    users::{UserAnswer, apply, cannot_ban_yourself},
};
use crate::{answer::Json, error::Result, fields::Fields, queries::admin::Changes, request::Call};

struct Ban {
    user_id: String,
    reason: Option<String>,
    expires: Option<Timestamp>,
}

impl Ban {
    fn read(fields: &mut Fields<'_>) -> Self {
        let user_id = fields.coerced_text("userId");
        let reason = fields.text("banReason");
        let seconds = fields.number("banExpiresIn").unwrap_or_default();
        let expires = (seconds != 0.0).then(|| after(seconds));
        if expires == Some(None) {
            fields.refuse(
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

/// So many seconds from now; `None` where no column can hold that.
fn after(seconds: f64) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too large is cut to the largest, which is refused"
    )]
    let duration = Duration::try_milliseconds((seconds * 1000.0) as i64)?;
    let end = Timestamp::now().0.checked_add_signed(duration)?;
    Some(Timestamp(end)).filter(|time| changes::is_storable(*time))
}

/// `POST /api/auth/admin/ban-user`
pub async fn ban(call: Call) -> Result {
    let ban = call.body(Ban::read)?;
    let admin = call.staff(&rights::BAN_USERS).await?;
    if ban.user_id == admin.user.id {
        return Err(cannot_ban_yourself());
    }
    let changes = Changes {
        banned: Some(true),
        ban_reason: Some(Some(ban.reason.unwrap_or_else(|| "No reason".to_owned()))),
        ban_expires: Some(ban.expires),
        ..Changes::default()
    };
    let user = apply(&call, &ban.user_id, changes).await?;
    audit(&admin.user.id, "user.ban", Some(&ban.user_id));
    Ok(Json(UserAnswer { user }).into_response())
}

/// `POST /api/auth/admin/unban-user`
pub async fn unban(call: Call) -> Result {
    let user_id = call.body(|fields| fields.coerced_text("userId"))?;
    let admin = call.staff(&rights::BAN_USERS).await?;
    let changes = Changes {
        banned: Some(false),
        ban_reason: Some(None),
        ban_expires: Some(None),
        ..Changes::default()
    };
    let user = apply(&call, &user_id, changes).await?;
    audit(&admin.user.id, "user.unban", Some(&user_id));
    Ok(Json(UserAnswer { user }).into_response())
}
