//! Bodies are read field by field, so that problems are reported in the validator's words; these describe their shape.
#![expect(dead_code, reason = "only their schemas are used")]

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A start of a sign-in or a link.
#[derive(ToSchema)]
#[schema(as = AuthStart, rename_all = "camelCase")]
pub struct Start {
    /// `github` or `google`.
    pub provider: String,
    /// Where to go after success.
    #[schema(rename = "callbackURL", nullable = false)]
    pub callback_url: Option<String>,
    /// Where errors go.
    #[schema(rename = "errorCallbackURL", nullable = false)]
    pub error_callback_url: Option<String>,
    /// Where to go when the sign-in made the user.
    #[schema(rename = "newUserCallbackURL", nullable = false)]
    pub new_user_callback_url: Option<String>,
    /// The client goes to the address itself.
    #[schema(nullable = false)]
    pub disable_redirect: Option<bool>,
    /// Beside the default ones.
    #[schema(nullable = false)]
    pub scopes: Option<Vec<String>>,
    #[schema(nullable = false)]
    pub login_hint: Option<String>,
    #[schema(nullable = false)]
    pub request_sign_up: Option<bool>,
    #[schema(value_type = Option<Object>, nullable = false)]
    pub additional_data: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>, nullable = false)]
    pub additional_params: Option<Map<String, Value>>,
    #[schema(nullable = false)]
    pub id_token: Option<IdToken>,
}

/// An id token that the client got from Google.
#[derive(ToSchema)]
#[schema(as = AuthIdToken, rename_all = "camelCase")]
pub struct IdToken {
    pub token: String,
    #[schema(nullable = false)]
    pub nonce: Option<String>,
    #[schema(nullable = false)]
    pub access_token: Option<String>,
    #[schema(nullable = false)]
    pub refresh_token: Option<String>,
    #[schema(nullable = false)]
    pub expires_at: Option<f64>,
}

/// One of the user's accounts, by the row's id, or by provider and the provider's id.
#[derive(ToSchema)]
#[schema(as = AuthAccountSelector, rename_all = "camelCase")]
pub struct Selector {
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    #[schema(nullable = false)]
    pub provider_id: Option<String>,
}

/// A session by its token.
#[derive(ToSchema)]
#[schema(as = AuthSessionToken)]
pub struct Token {
    pub token: String,
}

/// What a user may change of themselves here.
#[derive(ToSchema)]
#[schema(as = AuthUpdateUser)]
pub struct UpdateUser {
    #[schema(nullable = false)]
    pub name: Option<String>,
    pub image: Option<String>,
}

/// An address and a password.
#[derive(ToSchema)]
#[schema(as = AuthEmailSignIn)]
pub struct EmailSignIn {
    pub email: String,
    pub password: String,
}

/// A name, an address and a password.
#[derive(ToSchema)]
#[schema(as = AuthEmailSignUp)]
pub struct EmailSignUp {
    pub name: String,
    pub email: String,
    pub password: String,
}

/// An address.
#[derive(ToSchema)]
#[schema(as = AuthEmail)]
pub struct Email {
    pub email: String,
}

/// A new address.
#[derive(ToSchema)]
#[schema(as = AuthNewEmail, rename_all = "camelCase")]
pub struct NewEmail {
    #[schema(format = "email")]
    pub new_email: String,
}

/// A new password and the present one.
#[derive(ToSchema)]
#[schema(as = AuthNewPassword, rename_all = "camelCase")]
pub struct NewPassword {
    pub new_password: String,
    pub current_password: String,
}

/// What a provider sends.
#[derive(ToSchema)]
#[schema(as = AuthCallback)]
pub struct Callback {
    #[schema(nullable = false)]
    pub code: Option<String>,
    #[schema(nullable = false)]
    pub state: Option<String>,
    #[schema(nullable = false)]
    pub error: Option<String>,
    #[schema(nullable = false)]
    pub error_description: Option<String>,
}
