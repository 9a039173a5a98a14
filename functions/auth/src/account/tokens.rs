//! The tokens of the signed-in user at a provider, and the provider's profile of the user.

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::time::Timestamp;
use utoipa::ToSchema;

use super::list::scopes;
use crate::{
    answer::Json,
    error::{Error, Result},
    fields::AuthBody,
    provider::{self, Provider, Tokens},
    queries::{
        self,
        account::{Account, AccountSelector},
    },
    request::{Call, CallWith},
};

/// A token that expires within this time is refreshed before it is returned, in milliseconds.
const MARGIN: i64 = 5000;

async fn find(call: &Call, selector: &AccountSelector) -> Result<Account> {
    let current = call.signed_in_or_bare().await?;
    queries::account::find(&call.auth.app.db, &current.user.id, selector)
        .await?
        .ok_or_else(|| Error::bad_request("ACCOUNT_NOT_FOUND", "Account not found"))
}

fn provider_of<'c>(call: &'c Call, account: &Account) -> Result<&'c Provider> {
    let id = &account.provider_id;
    call.auth.providers.get(id).ok_or_else(|| {
        Error::bad_request(
            "PROVIDER_NOT_SUPPORTED",
            &format!("Provider {id} is not supported."),
        )
    })
}

/// Refreshes the tokens, stores them, and returns the account with them. Tokens that the provider does not return stay. The
/// scope always stays, because the response to a refresh may list fewer. `None` if the provider rejects the refresh.
async fn refreshed(
    call: &Call,
    provider: &Provider,
    account: Account,
    refresh_token: &str,
) -> Result<Option<Account>> {
    let tokens = match call.auth.providers.refresh(provider, refresh_token).await {
        Ok(tokens) => tokens,
        Err(error) => {
            tracing::warn!(
                service = provider.service.id(),
                error = %format_args!("{error:#}"),
                "the provider did not refresh tokens"
            );
            return Ok(None);
        }
    };
    queries::account::update_tokens(&call.auth.app.db, &account.id, &tokens, None).await?;
    let Tokens {
        access_token,
        refresh_token,
        id_token,
        access_token_expires_at,
        refresh_token_expires_at,
        scope: _,
    } = tokens;
    Ok(Some(Account {
        access_token,
        refresh_token: refresh_token.or(account.refresh_token),
        id_token: id_token.or(account.id_token),
        access_token_expires_at: access_token_expires_at.or(account.access_token_expires_at),
        refresh_token_expires_at: refresh_token_expires_at.or(account.refresh_token_expires_at),
        ..account
    }))
}

/// Returns the account with an access token that has not expired, if it can be refreshed.
async fn with_valid_token(call: &Call, provider: &Provider, account: Account) -> Result<Account> {
    let expired = account
        .access_token_expires_at
        .is_some_and(|end| end.millis() - Timestamp::now().millis() < MARGIN);
    match account.refresh_token.clone() {
        Some(token) if expired && !token.is_empty() => refreshed(call, provider, account, &token)
            .await?
            .ok_or_else(|| {
                Error::bad_request(
                    "FAILED_TO_GET_ACCESS_TOKEN",
                    "Failed to get a valid access token",
                )
            }),
        _ => Ok(account),
    }
}

/// An access token of the provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthAccessToken)]
pub struct AccessTokenAnswer {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_at: Option<Timestamp>,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// `POST /api/auth/get-access-token`
pub async fn access_token(CallWith(call, selector): CallWith<AccountSelector>) -> Result {
    let account = find(&call, &selector).await?;
    let provider = provider_of(&call, &account)?;
    let account = with_valid_token(&call, provider, account).await?;
    Ok(Json(AccessTokenAnswer {
        access_token: account.access_token.unwrap_or_default(),
        access_token_expires_at: account.access_token_expires_at,
        scopes: scopes(account.scope.as_deref()),
        id_token: account.id_token,
    })
    .into_response())
}

/// Fresh tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthTokens)]
pub struct RefreshedTokens {
    access_token: Option<String>,
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_at: Option<Timestamp>,
    refresh_token_expires_at: Option<Timestamp>,
    scope: Option<String>,
    id_token: Option<String>,
    provider_id: String,
    account_id: String,
}

/// `POST /api/auth/refresh-token`
pub async fn refresh(CallWith(call, selector): CallWith<AccountSelector>) -> Result {
    let account = find(&call, &selector).await?;
    let provider = provider_of(&call, &account)?;
    let Some(token) = account
        .refresh_token
        .clone()
        .filter(|token| !token.is_empty())
    else {
        return Err(Error::bad_request(
            "REFRESH_TOKEN_NOT_FOUND",
            "Refresh token not found",
        ));
    };
    let account = refreshed(&call, provider, account, &token)
        .await?
        .ok_or_else(|| {
            Error::bad_request(
                "FAILED_TO_REFRESH_ACCESS_TOKEN",
                "Failed to refresh access token",
            )
        })?;
    Ok(Json(RefreshedTokens {
        access_token: account.access_token,
        refresh_token: account.refresh_token,
        access_token_expires_at: account.access_token_expires_at,
        refresh_token_expires_at: account.refresh_token_expires_at,
        scope: account.scope,
        id_token: account.id_token,
        provider_id: account.provider_id,
        account_id: account.id,
    })
    .into_response())
}

/// A provider's profile of an account.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthAccountInfo)]
pub struct AccountInfo {
    user: AccountInfoUser,
    /// The provider's own profile.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    account: AccountInfoAccount,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthAccountInfoUser)]
pub struct AccountInfoUser {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    email_verified: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthAccountInfoAccount)]
pub struct AccountInfoAccount {
    id: String,
    provider_id: String,
    account_id: String,
}

/// `GET /api/auth/account-info`
pub async fn info(call: Call) -> Result {
    let selector = match call.query(AccountSelector::read)? {
        AccountSelector::Row(id) => AccountSelector::RowOrPerson(id),
        other => other,
    };
    let account = find(&call, &selector).await?;
    let Some(provider) = call.auth.providers.get(&account.provider_id) else {
        return Err(Error::bad_request(
            "PROVIDER_NOT_CONFIGURED",
            "Account is not associated with a configured social provider.",
        ));
    };
    let account = with_valid_token(&call, provider, account).await?;
    let Some(access_token) = account
        .access_token
        .as_deref()
        .filter(|token| !token.is_empty())
    else {
        return Err(Error::bad_request(
            "ACCESS_TOKEN_NOT_FOUND",
            "Access token not found",
        ));
    };
    let profile = call
        .auth
        .providers
        .profile(
            provider,
            Some(access_token),
            account.id_token.as_deref(),
            provider::deadline(),
        )
        .await
        .map_err(|error| {
            tracing::warn!(error = %format_args!("{error:#}"), "the provider returned no profile");
            Error::unauthorized("FAILED_TO_GET_USER_INFO", "Failed to get user info")
        })?;
    Ok(Json(AccountInfo {
        user: AccountInfoUser {
            name: profile.name,
            email: profile.email,
            image: profile.image,
            email_verified: profile.email_verified,
        },
        data: profile.raw,
        account: AccountInfoAccount {
            id: account.id,
            provider_id: account.provider_id,
            account_id: account.person_id,
        },
    })
    .into_response())
}
