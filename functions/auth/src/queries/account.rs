//! Rows of `account`: the accounts of users at the providers.

use shared::{random, time::Timestamp};
use sqlx::PgExecutor;

use crate::provider::Tokens;

/// A row with its tokens.
pub struct Account {
    pub id: String,
    /// The provider's id of the person.
    pub person_id: String,
    pub provider_id: String,
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
    pub access_token_expires_at: Option<Timestamp>,
    pub refresh_token_expires_at: Option<Timestamp>,
    pub scope: Option<String>,
}

/// A row as lists return it, without tokens.
pub struct AccountSummary {
    pub id: String,
    pub account_id: String,
    pub provider_id: String,
    pub user_id: String,
    pub scope: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The row of a provider's person, and its user.
pub struct AccountOwner {
    pub id: String,
    /// `None` if the user does not exist.
    pub user_id: Option<String>,
    pub scope: Option<String>,
}

/// Returns the row of a provider's person, the oldest if there are several.
pub async fn find_owner(
    db: impl PgExecutor<'_>,
    provider_id: &str,
    account_id: &str,
) -> sqlx::Result<Option<AccountOwner>> {
    sqlx::query_as!(
        AccountOwner,
        r#"
        select a.id, a.scope, u.id as "user_id?"
        from account a
        left join "user" u on u.id = a."userId"
        where a."providerId" = $1 and a."accountId" = $2
        order by a."createdAt", a.id
        limit 1
        "#,
        provider_id,
        account_id,
    )
    .fetch_optional(db)
    .await
}

/// Returns a user's accounts, oldest first.
pub async fn list(db: impl PgExecutor<'_>, user_id: &str) -> sqlx::Result<Vec<AccountSummary>> {
    sqlx::query_as!(
        AccountSummary,
        r#"
        select
            id, "accountId" as account_id, "providerId" as provider_id, "userId" as user_id, scope,
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp"
        from account
        where "userId" = $1
        order by "createdAt", id
        "#,
        user_id,
    )
    .fetch_all(db)
    .await
}

/// Selects one of a user's accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountSelector {
    /// The row's id, as clients of 1.7 send it.
    Row(String),
    /// The row's id or the provider's id of the person, which clients of 1.3 to 1.6 send to `account-info`.
    RowOrPerson(String),
    /// The provider and optionally its id of the person, as clients of 1.3 to 1.6 send them.
    Provider {
        provider_id: String,
        account_id: Option<String>,
    },
    /// The cookie of a deployment without a database. It selects nothing here.
    Cookie,
}

impl AccountSelector {
    /// Returns the row's id, the provider, and the provider's id of the person.
    fn parts(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        match self {
            Self::Row(id) => (Some(id), None, None),
            Self::RowOrPerson(id) => (Some(id), None, Some(id)),
            Self::Provider {
                provider_id,
                account_id,
            } => (None, Some(provider_id), account_id.as_deref()),
            Self::Cookie => (None, None, None),
        }
    }
}

/// Returns a user's account.
pub async fn find(
    db: impl PgExecutor<'_>,
    user_id: &str,
    selector: &AccountSelector,
) -> sqlx::Result<Option<Account>> {
    let (id, provider_id, account_id) = selector.parts();
    sqlx::query_as!(
        Account,
        r#"
        select
            id, "accountId" as person_id, "providerId" as provider_id,
            "accessToken" as access_token, "refreshToken" as refresh_token, "idToken" as id_token,
            "accessTokenExpiresAt" as "access_token_expires_at: Timestamp",
            "refreshTokenExpiresAt" as "refresh_token_expires_at: Timestamp",
            scope
        from account
        where "userId" = $1
            and (
                id = $2
                or ("providerId" = $3 and ($4::text is null or "accountId" = $4))
                or ($2 is not null and $3::text is null and "accountId" = $4)
            )
        order by (id = $2) is true desc, "createdAt", id
        limit 1
        "#,
        user_id,
        id,
        provider_id,
        account_id,
    )
    .fetch_optional(db)
    .await
}

/// Links a provider's person to a user. Fails on a unique index if the person is linked already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    user_id: &str,
    provider_id: &str,
    account_id: &str,
    tokens: &Tokens,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into account (
            id, "accountId", "providerId", "userId", "accessToken", "refreshToken", "idToken",
            "accessTokenExpiresAt", "refreshTokenExpiresAt", scope, "createdAt", "updatedAt"
        )
        values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
            now() at time zone 'utc', now() at time zone 'utc'
        )
        "#,
        random::id(),
        account_id,
        provider_id,
        user_id,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        tokens.access_token_expires_at.map(|time| time.0),
        tokens.refresh_token_expires_at.map(|time| time.0),
        tokens.scope,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores new tokens. A token that is `None` keeps its value, and so does the scope.
pub async fn update_tokens(
    db: impl PgExecutor<'_>,
    id: &str,
    tokens: &Tokens,
    scope: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update account
        set "accessToken" = coalesce($2, "accessToken"),
            "refreshToken" = coalesce($3, "refreshToken"),
            "idToken" = coalesce($4, "idToken"),
            "accessTokenExpiresAt" = coalesce($5, "accessTokenExpiresAt"),
            "refreshTokenExpiresAt" = coalesce($6, "refreshTokenExpiresAt"),
            scope = coalesce($7, scope),
            "updatedAt" = now() at time zone 'utc'
        where id = $1
        "#,
        id,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        tokens.access_token_expires_at.map(|time| time.0),
        tokens.refresh_token_expires_at.map(|time| time.0),
        scope,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The result of unlinking an account.
pub struct UnlinkResult {
    pub deleted: bool,
    /// Whether the account exists.
    pub found: bool,
    /// Number of accounts before.
    pub accounts: i64,
}

/// Unlinks an account unless it is the user's last one that can sign in. An account with a password cannot, because password
/// sign-in is switched off. The caller has locked the user.
pub async fn delete_unless_last(
    db: impl PgExecutor<'_>,
    user_id: &str,
    selector: &AccountSelector,
) -> sqlx::Result<UnlinkResult> {
    let (id, provider_id, account_id) = selector.parts();
    sqlx::query_as!(
        UnlinkResult,
        r#"
        with own as (
            select id, "providerId", "accountId", "createdAt" from account where "userId" = $1
        ),
        selected as (
            select id from own
            where id = $2 or ("providerId" = $3 and ($4::text is null or "accountId" = $4))
            order by "createdAt", id
            limit 1
        ),
        deleted as (
            delete from account
            using selected
            where account.id = selected.id
                and exists (
                    select from own where own.id <> selected.id and own."providerId" <> 'credential'
                )
            returning account.id
        )
        select
            exists (select from deleted) as "deleted!",
            exists (select from selected) as "found!",
            (select count(*) from own) as "accounts!"
        "#,
        user_id,
        id,
        provider_id,
        account_id,
    )
    .fetch_one(db)
    .await
}
