//! Endpoints of passwords and mails. They are switched off. They validate the body first, and then return the error for that.

use utoipa::openapi::KnownFormat;

use crate::{
    admin::check_password_length,
    email::is_email,
    error::{Error, Result},
    fields::{AuthBody, Fields, boolean, text},
    request::CallWith,
};

/// Reads a required e-mail address.
fn require_email(fields: &mut Fields<'_>, name: &'static str) {
    let rule = text()
        .form(is_email, "Invalid email address")
        .documented_format(KnownFormat::Email);
    fields.required(name, rule);
}

/// An address and a password.
pub struct EmailSignIn;

impl AuthBody for EmailSignIn {
    const NAME: &'static str = "AuthEmailSignIn";
    const ABOUT: &'static str = "An e-mail address and a password.";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.required("email", text());
        fields.required("password", text());
        fields.undocumented("callbackURL", text());
        fields.undocumented("rememberMe", boolean());
        Self
    }
}

/// `POST /api/auth/sign-in/email`
pub async fn sign_in(_: CallWith<EmailSignIn>) -> Result {
    Err(Error::bad_request(
        "EMAIL_PASSWORD_DISABLED",
        "Email and password is not enabled",
    ))
}

/// A name, an address and a password.
pub struct EmailSignUp;

impl AuthBody for EmailSignUp {
    const NAME: &'static str = "AuthEmailSignUp";
    const ABOUT: &'static str = "A name, an e-mail address and a password.";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.required("name", text());
        require_email(fields, "email");
        fields.required("password", text().not_empty());
        fields.undocumented("image", text());
        fields.undocumented("callbackURL", text());
        fields.undocumented("rememberMe", boolean());
        Self
    }
}

/// `POST /api/auth/sign-up/email`
pub async fn sign_up(_: CallWith<EmailSignUp>) -> Result {
    Err(Error::bad_request(
        "EMAIL_PASSWORD_SIGN_UP_DISABLED",
        "Email and password sign up is not enabled",
    ))
}

/// The e-mail address of the user whose password is reset.
pub struct PasswordReset;

impl AuthBody for PasswordReset {
    const NAME: &'static str = "AuthEmail";
    const ABOUT: &'static str = "An e-mail address.";

    fn read(fields: &mut Fields<'_>) -> Self {
        require_email(fields, "email");
        fields.undocumented("redirectTo", text());
        Self
    }
}

/// `POST /api/auth/request-password-reset`
pub async fn reset_password(_: CallWith<PasswordReset>) -> Result {
    Err(Error::bad_request(
        "RESET_PASSWORD_DISABLED",
        "Reset password isn't enabled",
    ))
}

/// An address to verify.
pub struct EmailVerification;

impl AuthBody for EmailVerification {
    const NAME: &'static str = "AuthEmail";
    const ABOUT: &'static str = "An e-mail address.";

    fn read(fields: &mut Fields<'_>) -> Self {
        require_email(fields, "email");
        fields.undocumented("callbackURL", text());
        Self
    }
}

/// `POST /api/auth/send-verification-email`
pub async fn verify_email(_: CallWith<EmailVerification>) -> Result {
    Err(Error::bad_request(
        "VERIFICATION_EMAIL_NOT_ENABLED",
        "Verification email isn't enabled",
    ))
}

/// A new address.
pub struct NewEmail;

impl AuthBody for NewEmail {
    const NAME: &'static str = "AuthNewEmail";
    const ABOUT: &'static str = "A new e-mail address.";

    fn read(fields: &mut Fields<'_>) -> Self {
        require_email(fields, "newEmail");
        fields.undocumented("callbackURL", text());
        Self
    }
}

/// `POST /api/auth/change-email`
pub async fn change_email(CallWith(call, _): CallWith<NewEmail>) -> Result {
    call.signed_in().await?;
    Err(Error::bad_request(
        "CHANGE_EMAIL_DISABLED",
        "Change email is disabled",
    ))
}

/// A new password and the current one.
pub struct NewPassword {
    new_password: String,
}

impl AuthBody for NewPassword {
    const NAME: &'static str = "AuthNewPassword";
    const ABOUT: &'static str = "A new password and the current one.";

    fn read(fields: &mut Fields<'_>) -> Self {
        let new_password = fields.required("newPassword", text());
        fields.required("currentPassword", text());
        fields.undocumented("revokeOtherSessions", boolean());
        Self { new_password }
    }
}

/// `POST /api/auth/change-password`
pub async fn change_password(CallWith(call, body): CallWith<NewPassword>) -> Result {
    call.signed_in().await?;
    check_password_length(&body.new_password)?;
    Err(Error::bad_request(
        "CREDENTIAL_ACCOUNT_NOT_FOUND",
        "Credential account not found",
    ))
}
