//! The list of accounts, and parting with one.

use axum::response::IntoResponse;
use serde::Serialize;
use shared::time::Timestamp;
use utoipa::ToSchema;

use crate::{
    answer::{self, Json},
    error::{Error, Result},
    queries::{
        self,
        account::{Listed, Selector},
    },
    request::Call,
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

impl From<Listed> for AccountAnswer {
    fn from(account: Listed) -> Self {
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

/// The stored text as a list.
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

/// `POST /api/auth/unlink-account`
pub async fn unlink(call: Call) -> Result {
    // Unlike the other endpoints, this one takes other fields beside the selector.
    let selector = call.body(|fields| match fields.raw("providerId") {
        None => Selector::Row(fields.required_text("accountId")),
        Some(_) => Selector::Provider {
            provider_id: fields.required_text("providerId"),
            account_id: fields.text("accountId"),
        },
    })?;
    let user_id = call.freshly_signed_in().await?.user.id;
    // Two requests that part with one account each must not leave the user without any.
    let mut tx = call.auth.app.db.begin().await?;
    queries::user::lock(&mut tx, &user_id).await?;
    let unlinked = queries::account::delete_unless_last(&mut tx, &user_id, &selector).await?;
    tx.commit().await?;
    if unlinked.deleted {
        Ok(answer::done())
    } else if unlinked.accounts == 1 {
        Err(Error::bad_request(
            "FAILED_TO_UNLINK_LAST_ACCOUNT",
            "You can't unlink your last account",
        ))
    } else {
        Err(Error::bad_request("ACCOUNT_NOT_FOUND", "Account not found"))
    }
}
