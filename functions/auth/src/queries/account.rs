//! Rows of `account`: which person of which provider a user is.

use shared::{random, time::Timestamp};
use sqlx::PgExecutor;

use crate::provider::Tokens;

/// A row with its tokens, which no list shows.
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

/// A row as lists show it.
pub struct Listed {
    pub id: String,
    pub account_id: String,
    pub provider_id: String,
    pub user_id: String,
    pub scope: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The row of a provider's person, and the user it belongs to; `None` where that user is gone.
pub struct Owned {
    pub id: String,
    pub user_id: Option<String>,
    pub scope: Option<String>,
}

/// The row of a provider's person; the oldest where there are several.
pub async fn find_owner(
    db: impl PgExecutor<'_>,
    provider_id: &str,
    account_id: &str,
) -> sqlx::Result<Option<Owned>> {
    sqlx::query_as!(
        Owned,
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

/// A user's accounts, oldest first.
pub async fn list(db: impl PgExecutor<'_>, user_id: &str) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
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

/// Which of a user's accounts is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The row's id, as clients of 1.7 say.
    Row(String),
    /// The provider and, where it is given, its id of the person, as clients of 1.3 to 1.6 say.
    Provider {
        provider_id: String,
        account_id: Option<String>,
    },
    /// The cookie of a deployment without a database. Here it selects nothing.
    Cookie,
}

impl Selector {
    fn parts(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        match self {
            Self::Row(id) => (Some(id), None, None),
            Self::Provider {
                provider_id,
                account_id,
            } => (None, Some(provider_id), account_id.as_deref()),
            Self::Cookie => (None, None, None),
        }
    }
}

/// A user's account.
pub async fn find(
    db: impl PgExecutor<'_>,
    user_id: &str,
    selector: &Selector,
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
            and (id = $2 or ("providerId" = $3 and ($4::text is null or "accountId" = $4)))
        order by "createdAt", id
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

/// Links a provider's person to a user. Fails on a unique index where they are linked already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    user_id: &str,
    provider_id: &str,
    account_id: &str,
    tokens: &Tokens,
) -> sqlx::Result<()> {
    insert_at_sign_in(db, user_id, provider_id, account_id, tokens, None).await
}

/// The same by a sign-in, which tells the user's name at GitHub.
pub async fn insert_at_sign_in(
    db: impl PgExecutor<'_>,
    user_id: &str,
    provider_id: &str,
    account_id: &str,
    tokens: &Tokens,
    github_username: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with account as (
            insert into account (
                id, "accountId", "providerId", "userId", "accessToken", "refreshToken", "idToken",
                "accessTokenExpiresAt", "refreshTokenExpiresAt", scope, "createdAt", "updatedAt"
            )
            values (
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                now() at time zone 'utc', now() at time zone 'utc'
            )
            returning "userId"
        )
        update "user" u
        set "githubUsername" = $11, "updatedAt" = now() at time zone 'utc'
        from account
        where u.id = account."userId" and u."githubUsername" is distinct from coalesce($11, u."githubUsername")
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
        github_username,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores the tokens that came; those that did not come stay. `scope` replaces the stored one where it is given.
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

/// What a later sign-in may change of the user.
pub struct SeenAgain<'a> {
    /// The address that the provider vouches for.
    pub verified_email: Option<&'a str>,
    pub github_username: Option<&'a str>,
}

/// A later sign-in: the tokens that came are stored, the user's address counts as verified where the provider says so of
/// the same one, and a changed user name on GitHub is followed. Nothing else of the user changes.
pub async fn update_at_sign_in(
    db: impl PgExecutor<'_>,
    id: &str,
    tokens: &Tokens,
    seen: &SeenAgain<'_>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with account as (
            update account
            set "accessToken" = coalesce($2, "accessToken"),
                "refreshToken" = coalesce($3, "refreshToken"),
                "idToken" = coalesce($4, "idToken"),
                "accessTokenExpiresAt" = coalesce($5, "accessTokenExpiresAt"),
                "refreshTokenExpiresAt" = coalesce($6, "refreshTokenExpiresAt"),
                "updatedAt" = now() at time zone 'utc'
            where id = $1
            returning "userId"
        )
        update "user" u
        set "emailVerified" = u."emailVerified" or coalesce(u.email = $7, false),
            "githubUsername" = coalesce($8, u."githubUsername"),
            "updatedAt" = now() at time zone 'utc'
        from account
        where u.id = account."userId"
            and ((not u."emailVerified" and u.email = $7) or u."githubUsername" is distinct from coalesce($8, u."githubUsername"))
        "#,
        id,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        tokens.access_token_expires_at.map(|time| time.0),
        tokens.refresh_token_expires_at.map(|time| time.0),
        seen.verified_email,
        seen.github_username,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What became of an account to be unlinked.
pub struct Unlinked {
    pub deleted: bool,
    /// How many accounts the user had.
    pub accounts: i64,
}

/// Unlinks an account unless it is the user's last. The caller has locked the user.
pub async fn delete_unless_last(
    db: impl PgExecutor<'_>,
    user_id: &str,
    selector: &Selector,
) -> sqlx::Result<Unlinked> {
    let (id, provider_id, account_id) = selector.parts();
    sqlx::query_as!(
        Unlinked,
        r#"
        with own as (
            select id, "providerId", "accountId", "createdAt" from account where "userId" = $1
        ),
        deleted as (
            delete from account
            where (select count(*) from own) > 1 and id = (
                select id from own
                where id = $2 or ("providerId" = $3 and ($4::text is null or "accountId" = $4))
                order by "createdAt", id
                limit 1
            )
            returning id
        )
        select exists (select from deleted) as "deleted!", (select count(*) from own) as "accounts!"
        "#,
        user_id,
        id,
        provider_id,
        account_id,
    )
    .fetch_one(db)
    .await
}
