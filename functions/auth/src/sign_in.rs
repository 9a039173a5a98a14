//! Where signing in and linking start, with a browser or with an id token alone.

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    answer::{self, Json},
    error::{Error, Result},
    fields::Fields,
    flow::{self, Link, Wishes},
    link::{self, Identity, LinkRefusal, Refusal, SignedIn},
    provider::{Provider, Tokens},
    queries::user::User,
    request::Call,
    session::Current,
};

/// Parameters of the authorize address that are ours alone.
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

/// A body of `sign-in/social` or `link-social`.
struct Ask {
    provider: String,
    disable_redirect: bool,
    id_token: Option<IdToken>,
    wishes: Wishes,
}

/// An id token that the client got from the provider itself.
#[derive(Default)]
struct IdToken {
    token: String,
    nonce: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

impl Ask {
    /// The body of `sign-in/social`, in the order of its schema.
    fn sign_in(fields: &mut Fields<'_>) -> Self {
        let callback_url = fields.text("callbackURL");
        let new_user_url = fields.text("newUserCallbackURL");
        let error_url = fields.text("errorCallbackURL");
        let provider = provider(fields);
        let disable_redirect = fields.flag("disableRedirect").unwrap_or_default();
        let id_token = fields.object("idToken", |fields| {
            let token = IdToken::read(fields);
            fields.number("expiresAt");
            fields.object("user", |fields| {
                fields.object("name", |fields| {
                    fields.text("firstName");
                    fields.text("lastName");
                });
                fields.text("email");
            });
            token
        });
        let scopes = fields.texts("scopes").unwrap_or_default();
        let request_sign_up = fields.flag("requestSignUp");
        Self {
            provider,
            disable_redirect,
            id_token,
            wishes: Wishes {
                callback_url,
                error_url,
                new_user_url,
                request_sign_up,
                scopes,
                ..further_wishes(fields)
            },
        }
    }

    /// The body of `link-social`, which has another order and fewer fields: a link leads to no new user.
    fn link(fields: &mut Fields<'_>) -> Self {
        let callback_url = fields.text("callbackURL");
        let provider = provider(fields);
        let id_token = fields.object("idToken", IdToken::read);
        let request_sign_up = fields.flag("requestSignUp");
        let scopes = fields.texts("scopes").unwrap_or_default();
        let error_url = fields.text("errorCallbackURL");
        let disable_redirect = fields.flag("disableRedirect").unwrap_or_default();
        Self {
            provider,
            disable_redirect,
            id_token,
            wishes: Wishes {
                callback_url,
                error_url,
                request_sign_up,
                scopes,
                ..further_wishes(fields)
            },
        }
    }
}

impl IdToken {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            token: fields.required_text("token"),
            nonce: fields.text("nonce"),
            access_token: fields.text("accessToken"),
            refresh_token: fields.text("refreshToken"),
        }
    }
}

fn provider(fields: &mut Fields<'_>) -> String {
    if let Some(Value::String(provider)) = fields.raw("provider") {
        provider.clone()
    } else {
        fields.refuse("provider", "Invalid input");
        String::new()
    }
}

/// What both schemas end with.
fn further_wishes(fields: &mut Fields<'_>) -> Wishes {
    Wishes {
        login_hint: fields.text("loginHint").filter(|hint| !hint.is_empty()),
        additional_params: additional_params(fields),
        additional_data: fields.record("additionalData").cloned().unwrap_or_default(),
        ..Wishes::default()
    }
}

fn additional_params(fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let Some(record) = fields.record("additionalParams") else {
        return parameters;
    };
    for (name, value) in record {
        match value {
            Value::String(value) => parameters.push((name.clone(), value.clone())),
            other => fields.expected(&format!("additionalParams.{name}"), "string", Some(other)),
        }
    }
    if record
        .keys()
        .any(|name| RESERVED_PARAMETERS.contains(&name.as_str()))
    {
        fields.refuse(
            "additionalParams",
            &format!(
                "additionalParams cannot include reserved OAuth parameters: {}",
                RESERVED_PARAMETERS.join(", ")
            ),
        );
    }
    parameters
}

/// Where the browser goes, and whether the client takes it there.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthStarted)]
pub struct Started {
    url: String,
    redirect: bool,
}

/// `POST /api/auth/sign-in/social`
pub async fn social(call: Call) -> Result {
    let ask = call.body(Ask::sign_in)?;
    let provider = find_provider(&call, &ask.provider)?;
    match ask.id_token {
        Some(token) => sign_in_by_id_token(&call, provider, token).await,
        None => begin(&call, provider, ask.wishes, ask.disable_redirect, None).await,
    }
}

/// `POST /api/auth/link-social`
pub async fn link_social(call: Call) -> Result {
    let ask = call.body(Ask::link)?;
    let current = call.signed_in().await?;
    let provider = find_provider(&call, &ask.provider)?;
    if let Some(token) = ask.id_token {
        return link_by_id_token(&call, provider, token, &current).await;
    }
    let link = Link {
        user_id: current.user.id,
        email: current.user.email,
        session_id: current.session.id,
    };
    begin(
        &call,
        provider,
        ask.wishes,
        ask.disable_redirect,
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
    wishes: Wishes,
    disable_redirect: bool,
    link: Option<Link>,
) -> Result {
    let url = flow::start(call, provider, wishes, link).await?;
    let location = (!disable_redirect).then(|| answer::location(&url));
    let mut response = Json(Started {
        url,
        redirect: !disable_redirect,
    })
    .into_response();
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A sign-in by id token.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthSignedIn)]
pub struct TokenAnswer {
    redirect: bool,
    token: String,
    user: User,
}

async fn sign_in_by_id_token(call: &Call, provider: &Provider, token: IdToken) -> Result {
    let identity = identify(call, provider, token).await?;
    match link::sign_in(call, &identity).await? {
        Ok(SignedIn { token, user, .. }) => {
            call.cookies().set_session(&token);
            Ok(Json(TokenAnswer {
                redirect: false,
                token,
                user: *user,
            })
            .into_response())
        }
        Err(Refusal::Banned) => Err(Error::forbidden("BANNED_USER", link::BANNED)),
        Err(refusal) => Err(Error::unauthorized(
            "OAUTH_LINK_ERROR",
            &refusal.code().replace('_', " "),
        )),
    }
}

/// A link by id token.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthLinked)]
pub struct Linked {
    url: &'static str,
    status: bool,
    redirect: bool,
}

async fn link_by_id_token(
    call: &Call,
    provider: &Provider,
    token: IdToken,
    current: &Current,
) -> Result {
    let identity = identify(call, provider, token).await?;
    let user = &current.user;
    match link::link_by_id_token(call, &identity, &user.id, &user.email).await? {
        Ok(()) => Ok(Json(Linked {
            url: "",
            status: true,
            redirect: false,
        })
        .into_response()),
        Err(LinkRefusal::NotVerified) => Err(Error::unauthorized(
            "LINKING_NOT_ALLOWED",
            "Account not linked - linking not allowed",
        )),
        Err(LinkRefusal::OtherEmail) => Err(Error::unauthorized(
            "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED",
            "Account not linked - different emails not allowed",
        )),
        Err(LinkRefusal::OtherUser) => Err(Error::Code(
            StatusCode::CONFLICT,
            "SOCIAL_ACCOUNT_ALREADY_LINKED",
            "Social account already linked".to_owned(),
        )),
    }
}

/// Who an id token is about, with the tokens that the client sent along.
async fn identify(call: &Call, provider: &Provider, token: IdToken) -> Result<Identity> {
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
