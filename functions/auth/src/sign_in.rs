//! The start of a sign-in or a link, with a browser or with an id token.

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    addresses::address,
    answer::{self, Json},
    current_session::CurrentSession,
    error::{BANNED, Error, Result},
    fields::{AuthBody, Fields, ValueRule, boolean, number, record, text, texts},
    flow::{self, FlowOptions, LinkRequest},
    link::{self, Identity, LinkError, LinkRefusal, SignInError, SignInRefusal, SignedIn},
    provider::{Provider, Tokens},
    queries::user::User,
    request::{Call, CallWith},
};

/// Parameters of the authorize address that a client cannot set.
const RESERVED_PARAMETERS: [&str; 8] = [
    "state",
    "client_id",
    "redirect_uri",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "scope",
];

/// Maximum number of additional scopes.
const MAX_SCOPES: usize = 50;
/// Maximum length of a scope.
const MAX_SCOPE_CHARS: usize = 255;
/// Maximum size of `additionalData`, in bytes of JSON.
const MAX_DATA_BYTES: usize = 4096;
/// Maximum number of parameters in `additionalParams`.
const MAX_PARAMS: usize = 20;
/// Maximum size of `additionalParams`, in bytes of JSON. The parameters become part of the authorize address.
const MAX_PARAMS_BYTES: usize = 4096;
/// Maximum length of a token, and of a nonce.
const MAX_TOKEN_CHARS: usize = 8192;
/// Maximum length of `loginHint`, which is an e-mail address.
const MAX_LOGIN_HINT_CHARS: usize = 320;

/// The body of `sign-in/social`.
pub struct StartSignIn {
    provider: String,
    disable_redirect: bool,
    id_token: Option<ClientIdToken>,
    options: FlowOptions,
}

impl AuthBody for StartSignIn {
    const NAME: &'static str = "AuthStart";
    const ABOUT: &'static str = "The start of a sign-in.";

    fn read(fields: &mut Fields<'_>) -> Self {
        let callback_url = fields.optional("callbackURL", success_address());
        let new_user_url = fields.optional(
            "newUserCallbackURL",
            address().about("Address after a sign-in that created the user."),
        );
        let error_url = fields.optional("errorCallbackURL", error_address());
        let provider = provider(fields);
        let disable_redirect = disable_redirect(fields);
        let id_token = fields.object("idToken", ABOUT_ID_TOKEN, |fields| {
            let token = ClientIdToken::read(fields);
            fields.optional("expiresAt", number());
            fields.undocumented_object("user", |fields| {
                fields.undocumented_object("name", |fields| {
                    fields.undocumented("firstName", text());
                    fields.undocumented("lastName", text());
                });
                fields.undocumented("email", text());
            });
            token
        });
        let scopes = fields.optional("scopes", more_scopes());
        let request_sign_up = fields.optional("requestSignUp", boolean());
        Self {
            provider,
            disable_redirect,
            id_token,
            options: FlowOptions {
                callback_url,
                error_url,
                new_user_url,
                request_sign_up,
                scopes: scopes.unwrap_or_default(),
                ..further_options(fields)
            },
        }
    }
}

/// The body of `link-social`. Its schema has another order and fewer fields: a link creates no user.
pub struct StartLink {
    provider: String,
    disable_redirect: bool,
    id_token: Option<ClientIdToken>,
    options: FlowOptions,
}

impl AuthBody for StartLink {
    const NAME: &'static str = "AuthStartLink";
    const ABOUT: &'static str = "The start of a link.";

    fn read(fields: &mut Fields<'_>) -> Self {
        let callback_url = fields.optional("callbackURL", success_address());
        let provider = provider(fields);
        let id_token = fields.object("idToken", ABOUT_ID_TOKEN, ClientIdToken::read);
        let request_sign_up = fields.optional("requestSignUp", boolean());
        let scopes = fields.optional("scopes", more_scopes());
        let error_url = fields.optional("errorCallbackURL", error_address());
        let disable_redirect = disable_redirect(fields);
        Self {
            provider,
            disable_redirect,
            id_token,
            options: FlowOptions {
                callback_url,
                error_url,
                request_sign_up,
                scopes: scopes.unwrap_or_default(),
                ..further_options(fields)
            },
        }
    }
}

const ABOUT_ID_TOKEN: &str = "An id token that the client received from Google.";

/// An id token that the client received from the provider.
#[derive(Default)]
struct ClientIdToken {
    token: String,
    nonce: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

impl ClientIdToken {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            token: fields.required("token", text().max(MAX_TOKEN_CHARS)),
            nonce: fields.optional("nonce", text().max(MAX_TOKEN_CHARS)),
            access_token: fields.optional("accessToken", text().max(MAX_TOKEN_CHARS)),
            refresh_token: fields.optional("refreshToken", text().max(MAX_TOKEN_CHARS)),
        }
    }
}

fn success_address() -> impl ValueRule<Value = String> {
    address().about("Address after success.")
}

fn error_address() -> impl ValueRule<Value = String> {
    address().about("Address after an error.")
}

fn more_scopes() -> impl ValueRule<Value = Vec<String>> {
    texts()
        .max_items(MAX_SCOPES)
        .max(MAX_SCOPE_CHARS)
        .about("Scopes in addition to the default ones.")
}

fn provider(fields: &mut Fields<'_>) -> String {
    let rule = text().type_message("Invalid input");
    fields.required("provider", rule.about("`github` or `google`."))
}

fn disable_redirect(fields: &mut Fields<'_>) -> bool {
    let rule = boolean().about("The client goes to the address itself.");
    fields.optional("disableRedirect", rule).unwrap_or_default()
}

/// Reads the fields at the end of both schemas.
fn further_options(fields: &mut Fields<'_>) -> FlowOptions {
    FlowOptions {
        login_hint: fields
            .optional("loginHint", text().max(MAX_LOGIN_HINT_CHARS))
            .filter(|hint| !hint.is_empty()),
        additional_params: additional_params(fields),
        additional_data: fields
            .optional("additionalData", record().max_bytes(MAX_DATA_BYTES))
            .unwrap_or_default(),
        ..FlowOptions::default()
    }
}

fn additional_params(fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let rule = record().max_names(MAX_PARAMS).max_bytes(MAX_PARAMS_BYTES);
    let Some(record) = fields.optional("additionalParams", rule) else {
        return parameters;
    };
    let has_reserved = record
        .keys()
        .any(|name| RESERVED_PARAMETERS.contains(&name.as_str()));
    for (name, value) in record {
        match value {
            Value::String(value) => parameters.push((name, value)),
            other => fields.expected(&format!("additionalParams.{name}"), "string", Some(&other)),
        }
    }
    if has_reserved {
        fields.reject(
            "additionalParams",
            &format!(
                "additionalParams cannot include reserved OAuth parameters: {}",
                RESERVED_PARAMETERS.join(", ")
            ),
        );
    }
    parameters
}

/// The address of the provider. With `redirect`, the client goes there.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthStarted)]
pub struct StartedFlow {
    url: String,
    redirect: bool,
}

/// `POST /api/auth/sign-in/social`
pub async fn social(CallWith(call, body): CallWith<StartSignIn>) -> Result {
    let provider = find_provider(&call, &body.provider)?;
    match body.id_token {
        Some(token) => sign_in_by_id_token(&call, provider, token).await,
        None => begin(&call, provider, body.options, body.disable_redirect, None).await,
    }
}

/// `POST /api/auth/link-social`
pub async fn link_social(CallWith(call, body): CallWith<StartLink>) -> Result {
    let current = call.signed_in_as_oneself().await?;
    let provider = find_provider(&call, &body.provider)?;
    if let Some(token) = body.id_token {
        return link_by_id_token(&call, provider, token, &current).await;
    }
    let link = LinkRequest {
        user_id: current.user.id,
        email: current.user.email,
        session_id: current.session.id,
    };
    begin(
        &call,
        provider,
        body.options,
        body.disable_redirect,
        Some(link),
    )
    .await
}

fn find_provider<'c>(call: &'c Call, id: &str) -> Result<&'c Provider> {
    call.auth
        .providers
        .get(id)
        .ok_or_else(|| Error::not_found("PROVIDER_NOT_FOUND", "Provider not found"))
}

async fn begin(
    call: &Call,
    provider: &Provider,
    options: FlowOptions,
    disable_redirect: bool,
    link: Option<LinkRequest>,
) -> Result {
    let url = flow::start(call, provider, options, link).await?;
    let location = (!disable_redirect).then(|| answer::location(&url));
    let mut response = Json(StartedFlow {
        url,
        redirect: !disable_redirect,
    })
    .into_response();
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A sign-in with an id token.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSignedIn)]
pub struct IdTokenSignIn {
    redirect: bool,
    token: String,
    user: User,
}

async fn sign_in_by_id_token(call: &Call, provider: &Provider, token: ClientIdToken) -> Result {
    let identity = identify(call, provider, token).await?;
    match link::sign_in(call, &identity).await {
        Ok(SignedIn { token, user, .. }) => {
            call.cookies().set_session(&token);
            Ok(Json(IdTokenSignIn {
                redirect: false,
                token,
                user: *user,
            })
            .into_response())
        }
        Err(SignInError::Refused(SignInRefusal::Banned)) => {
            Err(Error::forbidden("BANNED_USER", BANNED))
        }
        Err(SignInError::Database(error)) => Err(error.into()),
        Err(SignInError::Refused(refusal)) => Err(Error::unauthorized(
            "OAUTH_LINK_ERROR",
            &refusal.code().replace('_', " "),
        )),
    }
}

/// A link with an id token.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthLinked)]
pub struct IdTokenLink {
    url: &'static str,
    status: bool,
    redirect: bool,
}

async fn link_by_id_token(
    call: &Call,
    provider: &Provider,
    token: ClientIdToken,
    current: &CurrentSession,
) -> Result {
    let identity = identify(call, provider, token).await?;
    let user = &current.user;
    match link::link_by_id_token(call, &identity, &user.id, &user.email).await {
        Ok(()) => Ok(Json(IdTokenLink {
            url: "",
            status: true,
            redirect: false,
        })
        .into_response()),
        Err(LinkError::Database(error)) => Err(error.into()),
        Err(LinkError::Refused(LinkRefusal::NotVerified)) => Err(Error::unauthorized(
            "LINKING_NOT_ALLOWED",
            "Account not linked - linking not allowed",
        )),
        Err(LinkError::Refused(LinkRefusal::OtherEmail)) => Err(Error::unauthorized(
            "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED",
            "Account not linked - different emails not allowed",
        )),
        Err(LinkError::Refused(LinkRefusal::OtherUser)) => Err(Error::Code(
            StatusCode::CONFLICT,
            "SOCIAL_ACCOUNT_ALREADY_LINKED",
            "Social account already linked".to_owned(),
        )),
    }
}

/// Returns the person of an id token, with the tokens that the client sent.
async fn identify(call: &Call, provider: &Provider, token: ClientIdToken) -> Result<Identity> {
    if !provider.takes_id_tokens() {
        return Err(Error::not_found(
            "ID_TOKEN_NOT_SUPPORTED",
            "id_token not supported",
        ));
    }
    let profile = call
        .auth
        .providers
        .verify_id_token(provider, &token.token, token.nonce.as_deref())
        .await
        .ok_or_else(|| Error::unauthorized("INVALID_TOKEN", "Invalid token"))?;
    let given = |token: Option<String>| token.filter(|token| !token.is_empty());
    let tokens = Tokens {
        access_token: given(token.access_token),
        refresh_token: given(token.refresh_token),
        id_token: Some(token.token),
        ..Tokens::default()
    };
    Identity::new(provider.service, profile, tokens)
        .ok_or_else(|| Error::unauthorized("USER_EMAIL_NOT_FOUND", "User email not found"))
}
