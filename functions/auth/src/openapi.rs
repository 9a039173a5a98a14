//! This group's part of the OpenAPI document.

use shared::openapi::{Operation, boolean, text, words};
use utoipa::ToSchema;

use crate::{
    account::{AccountAnswer, Info, InfoUser, RefreshedTokens, TokenAnswer},
    admin,
    answer::Done,
    api_key,
    pages::Alive,
    queries::session::Session,
    session::{SessionAnswer, SignedOut},
    sign_in::{self, Linked, Started},
};

/// Bodies are read field by field, so that problems are told in the validator's words; these say their shape.
mod bodies {
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
}

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    [
        sign_in(),
        sessions(),
        user(),
        accounts(),
        admin::openapi::operations(),
        api_key::openapi::operations(),
        off(),
        pages(),
    ]
    .concat()
}

fn sign_in() -> Vec<Operation> {
    vec![
        Operation::post("/api/auth/sign-in/social", "signInSocial")
            .summary("Start a sign-in with GitHub or Google")
            .description("With `idToken`, sign in at once with an id token of Google.")
            .body::<bodies::Start>()
            .json_either::<Started, sign_in::TokenAnswer>(200)
            .fails(&[401, 404]),
        callback(Operation::get(
            "/api/auth/callback/{provider}",
            "finishSignIn",
        ))
        .summary("Back from the provider")
        .query("code", "To be exchanged", text())
        .query("state", "Names the sign-in", text())
        .query("error", "Why the provider refuses", text())
        .query("error_description", "The same in words", text()),
        callback(Operation::post(
            "/api/auth/callback/{provider}",
            "forwardSignIn",
        ))
        .summary("Back from a provider that posts a form")
        .body_as::<bodies::Callback>(&["application/x-www-form-urlencoded", "application/json"]),
        Operation::post("/api/auth/link-social", "linkAccount")
            .summary("Start linking another account")
            .signed_in()
            .body::<bodies::Start>()
            .json_either::<Started, Linked>(200)
            .fails(&[404, 409]),
        Operation::post("/api/auth/sign-out", "signOut")
            .summary("End the session")
            .json::<SignedOut>(200),
    ]
}

fn callback(operation: Operation) -> Operation {
    operation
        .path_parameter(
            "provider",
            "The provider that the browser comes from",
            words(&["github", "google"]),
        )
        .redirect()
}

fn sessions() -> Vec<Operation> {
    let refresh = |operation: Operation| {
        operation.query("disableRefresh", "Leave the session's end alone", boolean())
    };
    vec![
        refresh(Operation::get("/api/auth/get-session", "getSession"))
            .summary("Who is signed in")
            .query("disableCookieCache", "Without effect", boolean())
            .json_or_null::<SessionAnswer>(200)
            .fails(&[401]),
        Operation::post("/api/auth/get-session", "postSession")
            .summary("Always 405")
            .fails(&[405]),
        refresh(Operation::get("/api/auth/session", "requireSession"))
            .summary("Who is signed in, or 401")
            .signed_in()
            .json::<SessionAnswer>(200),
        Operation::get("/api/auth/list-sessions", "listSessions")
            .summary("Your own sessions")
            .description("The session must be younger than 24 hours.")
            .signed_in()
            .list::<Session>()
            .fails(&[403]),
        Operation::post("/api/auth/revoke-session", "revokeSession")
            .summary("End one of your sessions")
            .signed_in()
            .body::<bodies::Token>()
            .json::<Done>(200),
        Operation::post("/api/auth/revoke-sessions", "revokeSessions")
            .summary("End all of your sessions")
            .signed_in()
            .json::<Done>(200),
        Operation::post("/api/auth/revoke-other-sessions", "revokeOtherSessions")
            .summary("End all of your sessions but this one")
            .signed_in()
            .json::<Done>(200),
    ]
}

fn user() -> Vec<Operation> {
    vec![
        Operation::post("/api/auth/update-user", "updateUser")
            .summary("Change your name or image")
            .signed_in()
            .body::<bodies::UpdateUser>()
            .json::<Done>(200),
        Operation::post("/api/auth/update-session", "updateSession")
            .summary("Always 400: a session has nothing to change")
            .signed_in(),
        Operation::post("/api/auth/delete-user", "deleteUser")
            .summary("Always 404: accounts are deleted by `DELETE /users/profile`")
            .signed_in()
            .fails_empty(&[404]),
    ]
}

fn accounts() -> Vec<Operation> {
    vec![
        Operation::get("/api/auth/list-accounts", "listAccounts")
            .summary("Your accounts at the providers")
            .signed_in()
            .list::<AccountAnswer>(),
        Operation::post("/api/auth/unlink-account", "unlinkAccount")
            .summary("Part with an account")
            .description("Not with the last one. The session must be younger than 24 hours.")
            .signed_in()
            .body::<bodies::Selector>()
            .json::<Done>(200),
        Operation::post("/api/auth/get-access-token", "getAccessToken")
            .summary("A provider's token, refreshed where it is about to end")
            .signed_in()
            .body::<bodies::Selector>()
            .json::<TokenAnswer>(200)
            .optional::<TokenAnswer>(&["accessTokenExpiresAt", "idToken"])
            .fails_empty(&[401]),
        Operation::post("/api/auth/refresh-token", "refreshToken")
            .summary("Refresh a provider's tokens")
            .signed_in()
            .body::<bodies::Selector>()
            .json::<RefreshedTokens>(200)
            .optional::<RefreshedTokens>(&["accessTokenExpiresAt"])
            .fails_empty(&[401]),
        Operation::get("/api/auth/account-info", "getAccountInfo")
            .summary("What the provider says of an account")
            .signed_in()
            .query("accountId", "The account's id", text())
            .query("providerId", "Its provider, as older clients say", text())
            .json::<Info>(200)
            .optional::<InfoUser>(&["name", "email", "image"]),
    ]
}

/// What is switched off says so with 400.
fn off() -> Vec<Operation> {
    fn refused<T: ToSchema>(path: &'static str, id: &'static str) -> Operation {
        Operation::post(path, id)
            .summary("Always 400: passwords and mails are off")
            .body::<T>()
    }
    vec![
        refused::<bodies::EmailSignIn>("/api/auth/sign-in/email", "signInEmail"),
        refused::<bodies::EmailSignUp>("/api/auth/sign-up/email", "signUpEmail"),
        refused::<bodies::Email>("/api/auth/request-password-reset", "requestPasswordReset"),
        refused::<bodies::Email>("/api/auth/send-verification-email", "sendVerificationEmail"),
        refused::<bodies::NewEmail>("/api/auth/change-email", "changeEmail").signed_in(),
        refused::<bodies::NewPassword>("/api/auth/change-password", "changePassword").signed_in(),
    ]
}

fn pages() -> Vec<Operation> {
    vec![
        Operation::get("/api/auth/ok", "getAuthOk")
            .summary("That the group is there")
            .json::<Alive>(200),
        Operation::get("/api/auth/error", "showAuthError")
            .summary("Where sign-ins end that failed and named no page of their own")
            .query("error", "A code", text())
            .query("error_description", "The same in words", text())
            .media(200, "text/html")
            .redirect(),
    ]
}

#[cfg(test)]
mod tests {
    use shared::openapi::{Group, document};

    #[test]
    fn every_route_is_described() {
        let group = Group::new(&crate::api(), "Sign-in", super::operations());
        document("0", vec![group]).unwrap();
    }
}
