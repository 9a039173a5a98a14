//! Rows of `user`, with the columns of Better Auth.

use serde::Serialize;
use shared::{random, time::Timestamp};
use sqlx::PgExecutor;
use utoipa::ToSchema;

use crate::provider::Tokens;

/// The user object of all responses, with its keys in Better Auth's order.
#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthUser)]
pub struct User {
    pub name: String,
    pub email: String,
    pub email_verified: bool,
    pub image: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub role: Option<String>,
    pub banned: Option<bool>,
    pub ban_reason: Option<String>,
    pub ban_expires: Option<Timestamp>,
    pub id: String,
}

impl User {
    /// Returns whether the user is banned at the moment.
    pub fn is_banned(&self) -> bool {
        self.banned == Some(true) && self.ban_expires.is_none_or(|end| end > Timestamp::now())
    }
}

/// Returns a user.
pub async fn find(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<Option<User>> {
    sqlx::query_as!(
        User,
        r#"
        select
            name, email, "emailVerified" as email_verified, image,
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            role, banned, "banReason" as ban_reason, "banExpires" as "ban_expires: Timestamp", id
        from "user"
        where id = $1
        "#,
        id,
    )
    .fetch_optional(db)
    .await
}

/// A user to whom a sign-in may belong.
pub struct SignInCandidate {
    /// The person's account; `None` for the user with the same address.
    pub account_row: Option<String>,
    /// `None` if the account's user does not exist.
    pub user_id: Option<String>,
    pub email_verified: bool,
}

/// Returns at most two accounts of a provider's person, and the user with that address in lower case.
pub async fn find_candidates(
    db: impl PgExecutor<'_>,
    provider_id: &str,
    account_id: &str,
    email: &str,
) -> sqlx::Result<Vec<SignInCandidate>> {
    sqlx::query_as!(
        SignInCandidate,
        r#"
        (
            select a.id as "account_row?", u.id as "user_id?",
                coalesce(u."emailVerified", false) as "email_verified!"
            from account a
            left join "user" u on u.id = a."userId"
            where a."providerId" = $1 and a."accountId" = $2
            limit 2
        )
        union all
        select null, id, "emailVerified" from "user" where email = $3
        "#,
        provider_id,
        account_id,
        email,
    )
    .fetch_all(db)
    .await
}

/// A user to insert at a first sign-in.
pub struct NewUser<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    pub email_verified: bool,
    pub image: Option<&'a str>,
    /// `GITHUB` or `GOOGLE`.
    pub provider: &'a str,
    /// The provider's id of the person.
    pub provider_id: &'a str,
    pub avatar: Option<&'a str>,
    pub github_username: Option<&'a str>,
    pub bio: Option<&'a str>,
    pub website: Option<&'a str>,
    pub location: Option<&'a str>,
    pub company: Option<&'a str>,
}

/// Inserts a user and their account in one statement. Fails on a unique index if the address is taken or the person is known.
pub async fn insert_with_account(
    db: impl PgExecutor<'_>,
    user: &NewUser<'_>,
    provider_id: &str,
    tokens: &Tokens,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with made as (
            insert into "user" (
                id, name, email, "emailVerified", image, "createdAt", "updatedAt", role, banned,
                provider, "providerId", avatar, "githubUsername", bio, website, location, company, skills
            )
            values (
                $1, $2, $3, $4, $5, now() at time zone 'utc', now() at time zone 'utc', 'user', false,
                $6::text::"AuthProvider", $7, $8, $9, $10, $11, $12, $13, '{}'
            )
            returning id, "providerId", "createdAt"
        )
        insert into account (
            id, "accountId", "providerId", "userId", "accessToken", "refreshToken", "idToken",
            "accessTokenExpiresAt", "refreshTokenExpiresAt", scope, "createdAt", "updatedAt"
        )
        select $14, "providerId", $15, id, $16, $17, $18, $19, $20, $21, "createdAt", "createdAt"
        from made
        "#,
        user.id,
        user.name,
        user.email,
        user.email_verified,
        user.image,
        user.provider,
        user.provider_id,
        user.avatar,
        user.github_username,
        user.bio,
        user.website,
        user.location,
        user.company,
        random::id(),
        provider_id,
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

/// Changes the name and the image. A field that is `None` keeps its value.
#[expect(
    clippy::option_option,
    reason = "a missing field, null and a text are three things"
)]
pub async fn update(
    db: impl PgExecutor<'_>,
    id: &str,
    name: Option<&str>,
    image: Option<Option<&str>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update "user"
        set name = coalesce($2, name),
            image = case when $3 then $4 else image end,
            "updatedAt" = now() at time zone 'utc'
        where id = $1
        "#,
        id,
        name,
        image.is_some(),
        image.flatten(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks the user: other transactions that do the same wait until this one ends.
pub async fn lock(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<()> {
    sqlx::query!(r#"select id from "user" where id = $1 for update"#, id)
        .fetch_optional(db)
        .await?;
    Ok(())
}
