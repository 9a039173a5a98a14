//! Endpoints of passwords and mails, which are off: they say so.

use serde_json::Value;

use crate::{
    admin::is_email,
    error::{Error, Result},
    fields::Fields,
    request::Call,
};

/// An address that must be there.
fn email(fields: &mut Fields<'_>, name: &str) {
    match fields.raw(name) {
        Some(Value::String(text)) if !is_email(text) => {
            fields.refuse(name, "Invalid email address");
        }
        _ => {
            fields.required_text(name);
        }
    }
}

/// `POST /api/auth/sign-in/email`
pub async fn sign_in(call: Call) -> Result {
    call.body(|fields| {
        fields.required_text("email");
        fields.required_text("password");
        fields.text("callbackURL");
        fields.flag("rememberMe");
    })?;
    Err(Error::bad_request(
        "EMAIL_PASSWORD_DISABLED",
        "Email and password is not enabled",
    ))
}

/// `POST /api/auth/sign-up/email`
pub async fn sign_up(call: Call) -> Result {
    call.body(|fields| {
        fields.required_text("name");
        email(fields, "email");
        fields.required_text("password");
        fields.text("image");
        fields.text("callbackURL");
        fields.flag("rememberMe");
    })?;
    Err(Error::bad_request(
        "EMAIL_PASSWORD_SIGN_UP_DISABLED",
        "Email and password sign up is not enabled",
    ))
}

/// `POST /api/auth/request-password-reset`
pub async fn reset_password(call: Call) -> Result {
    call.body(|fields| {
        email(fields, "email");
        fields.text("redirectTo");
    })?;
    Err(Error::bad_request(
        "RESET_PASSWORD_DISABLED",
        "Reset password isn't enabled",
    ))
}

/// `POST /api/auth/send-verification-email`
pub async fn verify_email(call: Call) -> Result {
    call.body(|fields| {
        email(fields, "email");
        fields.text("callbackURL");
    })?;
    Err(Error::bad_request(
        "VERIFICATION_EMAIL_NOT_ENABLED",
        "Verification email isn't enabled",
    ))
}

/// `POST /api/auth/change-email`
pub async fn change_email(call: Call) -> Result {
    call.body(|fields| {
        email(fields, "newEmail");
        fields.text("callbackURL");
    })?;
    call.signed_in().await?;
    Err(Error::bad_request(
        "CHANGE_EMAIL_DISABLED",
        "Change email is disabled",
    ))
}

/// `POST /api/auth/change-password`
pub async fn change_password(call: Call) -> Result {
    call.body(|fields| {
        fields.required_text("newPassword");
        fields.required_text("currentPassword");
        fields.flag("revokeOtherSessions");
    })?;
    call.signed_in().await?;
    Err(Error::bad_request(
        "CREDENTIAL_ACCOUNT_NOT_FOUND",
        "Credential account not found",
    ))
}
