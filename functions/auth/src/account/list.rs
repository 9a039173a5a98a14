//! Listing and unlinking accounts.

use axum::response::IntoResponse;
use serde::Serialize;
use shared::time::Timestamp;
use utoipa::ToSchema;

use super::selector;
use crate::{
    answer::{self, Json},
    error::{Error, Result},
    fields::{AuthBody, Fields, text},
    queries::{
        self,
        account::{AccountSelector, AccountSummary},
    },
    request::{Call, CallWith},
};

/// An account as lists show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthAccount)]
pub struct AccountAnswer {
    account_id: String,
    provider_id: String,
    user_id: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    id: String,
    scopes: Vec<String>,
}

impl From<AccountSummary> for AccountAnswer {
    fn from(account: AccountSummary) -> Self {
        Self {
            account_id: account.account_id,
            provider_id: account.provider_id,
            user_id: account.user_id,
            created_at: account.created_at,
            updated_at: account.updated_at,
            id: account.id,
            scopes: scopes(account.scope.as_deref()),
        }
    }
}

/// Splits the stored text into a list.
pub fn scopes(stored: Option<&str>) -> Vec<String> {
    stored
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `GET /api/auth/list-accounts`
pub async fn list(call: Call) -> Result {
    let current = call.signed_in().await?;
    let accounts = queries::account::list(&call.auth.app.db, &current.user.id).await?;
    let accounts: Vec<AccountAnswer> = accounts.into_iter().map(AccountAnswer::from).collect();
    Ok(Json(accounts).into_response())
}

/// The account to unlink. Unlike the other selectors, it allows other fields.
pub struct UnlinkedAccount(AccountSelector);

impl AuthBody for UnlinkedAccount {
    const NAME: &'static str = selector::NAME;
    const ABOUT: &'static str = selector::ABOUT;

    fn read(fields: &mut Fields<'_>) -> Self {
        let provider_id = fields.optional("providerId", text());
        let account_id = fields.optional("accountId", text());
        if fields.raw("providerId").is_none() && fields.raw("accountId").is_none() {
            fields.expected("accountId", "string", None);
        }
        Self(match provider_id {
            None => AccountSelector::Row(account_id.unwrap_or_default()),
            Some(provider_id) => AccountSelector::Provider {
                provider_id,
                account_id,
            },
        })
    }
}

/// `POST /api/auth/unlink-account`
pub async fn unlink(CallWith(call, body): CallWith<UnlinkedAccount>) -> Result {
    let user_id = call.freshly_signed_in().await?.user.id;
    // The lock serialises concurrent requests, so that together they do not unlink all accounts.
    let mut tx = call.auth.app.db.begin().await?;
    queries::user::lock(&mut tx, &user_id).await?;
    let unlinked = queries::account::delete_unless_last(&mut tx, &user_id, &body.0).await?;
    tx.commit().await?;
    if unlinked.deleted {
        Ok(answer::done())
    } else if unlinked.found || unlinked.accounts == 1 {
        Err(Error::bad_request(
            "FAILED_TO_UNLINK_LAST_ACCOUNT",
            "You can't unlink your last account",
        ))
    } else {
        Err(Error::bad_request("ACCOUNT_NOT_FOUND", "Account not found"))
    }
}
